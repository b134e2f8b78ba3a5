"""Logs that are JSON: one document, or an object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from goodfit.diagnosis.readers.log import RawLog
from goodfit.diagnosis.readers.tables import RUN, numbers, parts_by_run
from goodfit.messages import Message

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_document", "read_lines", "read_lists", "read_records"]

NOT_FINITE = re.compile(r"(:\s*)(NaN|-?Infinity)\b")
"""A value of JSON that only Python writes."""


def read_document(document: Any, name: str) -> list[RawLog]:
    """Return the runs of a JSON document; nothing where it is no log."""
    if isinstance(document, Mapping):
        if isinstance(document.get("log_history"), list):
            return [
                replace(log, format="trainer-state", train_loss_is="running-mean")
                for log in read_records(document["log_history"], name)
            ]
        if _is_ludwig(document):
            return _read_ludwig(document, name)
        for key in ("history", "metrics", "logs"):
            if isinstance(document.get(key), (Mapping, list)):
                return read_document(document[key], name)
        return read_lists(document, name) or read_records([document], name)
    if isinstance(document, list) and document and all(isinstance(row, Mapping) for row in document):
        return _read_skorch(document, name) if "batches" in document[0] else read_records(document, name)
    return []


def read_lines(text: str, name: str) -> list[RawLog]:
    """Return the runs of JSON lines; a line that is no object (cut off, or a remark) is left out."""
    whole, _, last = text.rstrip().rpartition("\n")
    cut = 0 if _object(last) is not None else 1
    table = _flat_lines(whole if cut else text)
    if table is not None:
        return _logs(table, name, cut)
    found = [_object(line) for line in text.splitlines() if line.strip()]
    rows = [row for row in found if row is not None]
    return _logs(_table(rows), name, len(found) - len(rows))


def _logs(table: pl.DataFrame, name: str, cut: int) -> list[RawLog]:
    notes = (Message("log.lines-left-out", {"count": cut}),) if cut else ()
    return [
        RawLog(f"{name}: {run}" if run else name, part, "json-lines", notes=notes)
        for run, part in parts_by_run(table)
        if part.width
    ]


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, Mapping) else None


def _flat_lines(text: str) -> pl.DataFrame | None:
    """Return lines of numbers and texts, read at once; None where one needs a closer look."""
    import polars as pl

    if "NaN" in text or "Infinity" in text:
        text = NOT_FINITE.sub(r'\1"\2"', text)
    try:
        table = pl.read_ndjson(text.encode(), infer_schema_length=None)
    except (pl.exceptions.PolarsError, ValueError):
        return None
    simple = all(column.dtype.is_numeric() or column.dtype == pl.String for column in table)
    if not simple or not table.width or "train_runtime" in table.columns:
        return None
    told = numbers(table)
    return told.select(column for column in told if column.dtype.is_numeric() or column.name.lower() in RUN)


def read_lists(lists: Mapping[str, Any], name: str) -> list[RawLog]:
    """Return the run in a dict of lists, as Keras' History holds it; a value may be a dict by row, too."""
    import polars as pl

    columns = {}
    for key, values in lists.items():
        if isinstance(values, Mapping):
            values = list(values.values())  # noqa: PLW2901
        if isinstance(values, (list, tuple)) and values:
            found = [_number(value) for value in values]
            if any(value is not None for value in found):
                columns[str(key)] = found
    if not columns:
        return []
    longest = max(map(len, columns.values()))
    padded = {key: values + [None] * (longest - len(values)) for key, values in columns.items()}
    if not {"epoch", "step", "epochs", "steps"} & {key.lower() for key in padded}:
        padded = {"epoch": [float(row + 1) for row in range(longest)], **padded}
    table = pl.DataFrame(padded, schema=dict.fromkeys(padded, pl.Float64))
    keras = "loss" in padded
    return [RawLog(name, table, *(("keras-history", "running-mean") if keras else ("lists", "unknown")))]


def read_records(rows: Sequence[Mapping[str, Any]], name: str) -> list[RawLog]:
    """Return the runs in a list of records; the summary that Hugging Face writes at the end is no point."""
    table = _table(rows)
    return [
        RawLog(f"{name}: {run}" if run else name, part, "records")
        for run, part in parts_by_run(table)
        if part.width
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return a column for each name of a number, and for the name of the run."""
    import polars as pl

    flat = [_flat(row) for row in rows if isinstance(row, Mapping) and "train_runtime" not in row]
    names = list(dict.fromkeys(key for row in flat for key in row))
    columns: dict[str, Any] = {}
    for key in names:
        values = [_number(row.get(key)) for row in flat]
        if any(value is not None for value in values):
            columns[key] = pl.Series(values, dtype=pl.Float64)
        elif key.lower() in RUN:
            columns[key] = pl.Series([None if row.get(key) is None else str(row[key]) for row in flat])
    return pl.DataFrame(columns)


def _read_skorch(rows: Sequence[Mapping[str, Any]], name: str) -> list[RawLog]:
    """Return the run in skorch's history; the batches of an epoch tell how many rows there were."""
    counts: dict[str, int | None] = {}
    for part in ("train", "valid"):
        sizes = [
            batch.get(f"{part}_batch_size") for batch in rows[0]["batches"] if isinstance(batch, Mapping)
        ]
        known = [int(size) for size in sizes if isinstance(size, (int, float)) and 0 < size < 1e12]
        counts[part] = sum(known) or None
    return [
        replace(
            log,
            format="skorch",
            train_loss_is="running-mean",
            train_rows=counts["train"],
            valid_rows=counts["valid"],
        )
        for log in read_records(rows, name)
    ]


def _is_ludwig(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("training"), Mapping) and any(
        isinstance(values, Mapping) for values in document["training"].values()
    )


def _read_ludwig(document: Mapping[str, Any], name: str) -> list[RawLog]:
    """Return the combined losses and the metrics of each output of Ludwig's statistics."""
    lists: dict[str, list[Any]] = {}
    for part, which in (("training", "train"), ("validation", "valid"), ("test", "test")):
        outputs = document.get(part)
        if not isinstance(outputs, Mapping):
            continue
        outputs = {key: value for key, value in outputs.items() if isinstance(value, Mapping)}
        several = len([key for key in outputs if key != "combined"]) > 1
        combined = outputs.get("combined", {})
        for output, metrics in outputs.items():
            for metric, values in metrics.items():
                of_all = output == "combined" or not several
                if isinstance(values, list) and (of_all or metric != "loss" or "loss" not in combined):
                    key = f"{which}_{metric}" if of_all else f"{which}_{output}_{metric}"
                    # Older versions log [epoch, step, value].
                    plain = [value[-1] if isinstance(value, list) and value else value for value in values]
                    lists.setdefault(key, plain)
    return [replace(log, format="ludwig", train_loss_is="unknown") for log in read_lists(lists, name)]


def _flat(row: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            if depth < 5:
                flat |= _flat(value, f"{prefix}{name}/", depth + 1)
        elif not isinstance(value, list):
            flat[f"{prefix}{name}"] = value
    return flat


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        plain = value.strip().lower().removeprefix("+")
        if plain not in ("nan", "inf", "-inf", "infinity", "-infinity"):
            try:
                return float(plain) if any(digit in plain for digit in "0123456789") else None
            except ValueError:
                return None
        return float(plain)
    try:
        return float(value)
    except OverflowError:
        return float("inf")
    except (TypeError, ValueError):
        return None
