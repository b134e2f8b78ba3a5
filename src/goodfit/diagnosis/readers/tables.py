"""Logs that are tables: CSV and its kin, and MLflow's folder of metrics."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["frame", "mlflow", "numbers"]

MISSING = ("", "NA", "N/A", "n/a", "na", "null", "None", "none", "-", "?")
CHART = re.compile(r"^(?P<run>.+) - (?P<metric>[^ ]+)$")


def frame(data: bytes, path: Path) -> pl.DataFrame | None:
    """Read a table whose first line names its columns; None where it is none.

    A last line that was cut off is left out.
    """
    import polars as pl

    text = data.decode("utf-8-sig", "replace").lstrip("\r\n")
    header, _, body = text.partition("\n")
    separator = max(",;\t|", key=header.count)
    if not header.count(separator):
        return None
    if body and not body.endswith("\n"):
        whole, _, last = body.rpartition("\n")
        body = body if last.count(separator) == header.count(separator) else whole
    names = [name.strip().strip('"') for name in header.strip("\r").split(separator)]
    if len(set(names)) < len(names):
        names = [name if name not in names[:at] else f"{name}_{at}" for at, name in enumerate(names)]
    try:
        read = pl.read_csv(
            io.BytesIO(body.encode()),
            separator=separator,
            has_header=False,
            new_columns=names,
            infer_schema=False,
            truncate_ragged_lines=True,
            comment_prefix="#",
        )
    except (pl.exceptions.PolarsError, pl.exceptions.NoDataError):
        return None
    return _runs_side_by_side(numbers(read[:, : len(names)]))


def numbers(read: pl.DataFrame) -> pl.DataFrame:
    """Return columns of text as numbers; a column that is no number in any row stays text.

    ``nan`` and ``inf`` in any spelling are measured, an empty cell is not.
    """
    import polars as pl

    columns = []
    for name in read.columns:
        column = read[name]
        if column.dtype != pl.String:
            columns.append(column.cast(pl.Float64, strict=False) if column.dtype.is_numeric() else column)
            continue
        plain = column.str.strip_chars(' \t"%\r')
        plain = plain.set(plain.is_in(list(MISSING)), None)
        number = plain.cast(pl.Float64, strict=False)
        if number.null_count() > plain.null_count():
            lower = plain.str.to_lowercase()
            spelled = lower.replace({"infinity": "inf", "-infinity": "-inf", "+inf": "inf", "#num!": "nan"})
            number = spelled.cast(pl.Float64, strict=False)
        useful = number.null_count() < len(number) or plain.null_count() == len(plain)
        columns.append(number if useful else plain)
    return pl.DataFrame(columns)


def _runs_side_by_side(read: pl.DataFrame) -> pl.DataFrame:
    """Turn W&B's chart export, a column per run, into rows with a column ``run``."""
    import polars as pl

    charts = {name: match for name in read.columns if (match := CHART.match(name))}
    charts = {name: match for name, match in charts.items() if not name.endswith(("__MIN", "__MAX"))}
    if not charts:
        return read
    when = [name for name in read.columns if name.lower() in ("step", "epoch", "_step", "global_step")][:1]
    parts: dict[str, list[pl.Series]] = {}
    for name, match in charts.items():
        parts.setdefault(match["run"], []).append(read[name].alias(match["metric"]))
    frames = []
    for run, columns in parts.items():
        axis = read[when[0]].alias("step") if when else pl.Series("step", range(len(read)), dtype=pl.Float64)
        frames.append(pl.DataFrame([axis, *columns]).with_columns(pl.lit(run).alias("run")))
    return pl.concat(frames, how="diagonal")


def mlflow(folder: Path) -> pl.DataFrame | None:
    """Read MLflow's folder of metrics: a file a metric, lines of time, value and step."""
    import polars as pl

    frames = []
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        rows = [line.split() for line in file.read_text("utf-8", "replace").splitlines()]
        points = [(step, value) for row in rows if len(row) == 3 for _, value, step in [row]]
        if points:
            name = str(file.relative_to(folder))
            steps, values = zip(*points, strict=True)
            frames.append(numbers(pl.DataFrame({"step": steps, name: values})))
    return pl.concat(frames, how="diagonal") if frames else None
