"""Logs that are tables: CSV and its kin."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from goodfit.diagnosis.readers.log import RawLog, TrainLossIs
from goodfit.messages import Message

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RUN", "numbers", "parts_by_run", "read_table"]

MISSING = ("", "NA", "N/A", "n/a", "na", "null", "NULL", "None", "none", "-", "?", "<NA>")
SEPARATORS = ",;\t|"
CHART = re.compile(r"^(?P<run>.+?) - (?P<metric>.+)$")
EXPORTED_TAG = re.compile(r"^(?:run-)?(?P<run>.*?)-?tag-(?P<tag>.+)$")
RUN = (
    "run", "run_id", "run id", "run_name", "run name", "experiment", "experiment_name", "trial", "trial_id",
    "fold", "version",
)  # fmt: skip
NAMES = ("metric", "tag", "key", "name", "variable")


def read_table(text: str, name: str) -> list[RawLog]:
    """Read a table whose first line names its columns; nothing where it is none.

    A last line that was cut off is left out. A table with a column that names the run, or with a column per
    run as W&B exports charts, holds several.
    """
    read = _frame(text)
    if read is None or not read.width:
        return []
    table, notes = read, _cut(text, read)
    lower = {column.lower().strip(): column for column in table.columns}
    charts = _runs_side_by_side(table)
    if charts:
        return [RawLog(run, numbers(part), "wandb-chart", notes=notes) for run, part in charts.items()]
    if {"wall time", "step", "value"} <= set(lower):
        return _one_curve(numbers(table), lower, name, notes)
    named = next((lower[word] for word in NAMES if word in lower), None)
    if named is not None and "value" in lower:
        table = _wide(table, named, lower)
    kind, train_loss_is, metrics_of = _source(table.columns)
    return [
        RawLog(f"{name}: {run}" if run else name, part, kind, train_loss_is, metrics_of, notes=notes)
        for run, part in parts_by_run(numbers(table))
    ]


def numbers(read: pl.DataFrame) -> pl.DataFrame:
    """Return columns of text as numbers; a column that is no number in any row stays text.

    ``nan`` and ``inf`` in any spelling, and ``tensor(0.5)``, were measured; an empty cell was not.
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
            spelled = (
                plain.str.to_lowercase().str.replace(r"^tensor\(([^,)]*).*$", "$1").str.strip_chars("[]")
            )
            spelled = spelled.replace({"infinity": "inf", "-infinity": "-inf", "+inf": "inf", "#num!": "nan"})
            if spelled.str.contains(r"^-?\d+,\d+$").any():
                spelled = spelled.str.replace(",", ".", literal=True)
            number = spelled.cast(pl.Float64, strict=False)
        useful = number.null_count() < len(number) or plain.null_count() == len(plain)
        columns.append(number if useful else plain)
    return pl.DataFrame(columns)


def parts_by_run(table: pl.DataFrame) -> list[tuple[str | None, pl.DataFrame]]:
    """Return the rows of each run, where a column names the runs."""
    named = next((column for column in table.columns if column.lower() in RUN), None)
    if named is None or table[named].n_unique() > max(1, table.height // 2):
        return [(None, table)]
    parts = table.partition_by(named, maintain_order=True, include_key=True)
    if len(parts) == 1:
        return [(None, table)]
    return [(_spelled(part[named][0]), part.drop(named)) for part in parts]


def _spelled(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _frame(text: str) -> pl.DataFrame | None:
    import polars as pl

    lines = text.lstrip("\r\n").split("\n", 100)
    while lines and (not lines[0].strip() or lines[0].startswith("#")):
        lines.pop(0)
    if not lines:
        return None
    header, body = lines[0], "\n".join(lines[1:])
    separator = max(SEPARATORS, key=header.count)
    if not header.count(separator):
        separator = " " if " " in header.strip() and "\t" not in header else ","
    if separator == " ":
        header = re.sub(r" +", " ", header.strip())
        body = "\n".join(re.sub(r" +", " ", line.strip()) for line in body.split("\n"))
    if body and not body.endswith("\n"):
        whole, _, last = body.rpartition("\n")
        body = body if last.count(separator) >= header.count(separator) else whole
    try:
        named = pl.read_csv(
            io.BytesIO(header.encode()), separator=separator, has_header=False, infer_schema=False
        )
        names = [str(name or "").strip() for name in named.row(0)]
        names = [name if name not in names[:at] else f"{name}_{at}" for at, name in enumerate(names)]
        if not body.strip():
            return None
        read = _body(body, names, separator)
    except pl.exceptions.PolarsError:
        return None
    if pl.String not in read.dtypes:
        return read
    return read.filter(~pl.all_horizontal(pl.col(name).cast(pl.String).eq_missing(name) for name in names))


def _body(body: str, names: list[str], separator: str) -> pl.DataFrame:
    """Read the rows: as numbers, which is fast, or where some are none as text."""
    import polars as pl

    options: dict[str, Any] = {
        "separator": separator,
        "has_header": False,
        "new_columns": names,
        "truncate_ragged_lines": True,
        "comment_prefix": "#",
    }
    content = body.encode()
    try:
        numeric = dict.fromkeys(names, pl.Float64)
        return pl.read_csv(content, schema=numeric, null_values=list(MISSING), **options)
    except pl.exceptions.PolarsError:
        return pl.read_csv(content, schema=dict.fromkeys(names, pl.String), **options)


def _cut(text: str, read: pl.DataFrame) -> tuple[Message, ...]:
    last = text.rstrip("\r").rpartition("\n")[2]
    if not last.strip() or not read.height:
        return ()
    fields = max(last.count(separator) for separator in SEPARATORS)
    return (Message("log.cut-off"),) if fields < read.width - 1 else ()


def _source(columns: list[str]) -> tuple[str, TrainLossIs, None]:
    """Return which tool writes a table with such columns, and how it measures the training loss."""
    plain = {name.strip() for name in columns}
    if any(name.startswith("metrics/") for name in plain) and any(
        name.startswith("train/") for name in plain
    ):
        return "ultralytics", "running-mean", None
    if {"epoch", "step"} <= plain and any(name.endswith(("_step", "_epoch")) for name in plain):
        return "lightning", "running-mean", None
    if {"epoch", "loss"} <= plain and any(name.startswith("val_") for name in plain):
        return "keras", "running-mean", None
    if {"epoch", "train_loss", "valid_loss", "time"} <= plain:
        return "fastai", "running-mean", None
    if {"_step", "_runtime"} <= plain:
        return "wandb", "unknown", None
    return "table", "unknown", None


def _runs_side_by_side(read: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the runs of W&B's chart export, which has a column per run, ``<run> - <metric>``."""
    import polars as pl

    charts = {name: match for name in read.columns if (match := CHART.match(name))}
    charts = {name: match for name, match in charts.items() if not name.endswith(("__MIN", "__MAX"))}
    if not charts or len(charts) < len([name for name in read.columns if not name.endswith("__MIN")]) / 4:
        return {}
    when = [name for name in read.columns if " - " not in name]
    runs: dict[str, list[pl.Series]] = {}
    for name, match in charts.items():
        runs.setdefault(match["run"], [read[column] for column in when]).append(
            read[name].alias(match["metric"])
        )
    return {
        run: part.filter(~pl.all_horizontal(pl.col(part.columns[len(when) :]).is_null()))
        for run, columns in runs.items()
        if (part := pl.DataFrame(columns)) is not None
    }


def _one_curve(
    table: pl.DataFrame, lower: dict[str, str], name: str, notes: tuple[Message, ...]
) -> list[RawLog]:
    """Return the curve that TensorBoard's page exports; what it is stands in the file's name."""
    found = EXPORTED_TAG.match(name)
    run, tag = (found["run"] or name, found["tag"]) if found else (name, name)
    part = table.select(lower["step"], lower["value"]).rename({lower["step"]: "step", lower["value"]: tag})
    return [RawLog(run, part, "tensorboard-csv", notes=notes)]


def _wide(table: pl.DataFrame, named: str, lower: dict[str, str]) -> pl.DataFrame:
    """Return a table with a row per metric and step as one with a column per metric."""
    import polars as pl

    keys = [lower[word] for word in (*RUN, "epoch", "step") if word in lower and lower[word] != named]
    if not any(key.lower() in ("epoch", "step") for key in keys):
        return table
    wide = table.pivot(named, index=keys, values=lower["value"], aggregate_function="last")
    return wide.select(pl.all())
