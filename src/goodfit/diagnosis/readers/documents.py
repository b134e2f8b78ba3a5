"""Logs that are JSON: one document, or an object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = ["frame", "lines"]


def frame(document: Any) -> tuple[pl.DataFrame | None, str]:
    """Return the points of a JSON document as a table, and what wrote it."""
    if isinstance(document, Mapping):
        if isinstance(document.get("log_history"), list):
            rows = [
                row for row in document["log_history"] if isinstance(row, dict) and "train_runtime" not in row
            ]
            return _rows(rows), "huggingface"
        if isinstance(document.get("training"), Mapping) and "validation" in document:
            return _lists(_ludwig(document)), "ludwig"
        for key in ("history", "metrics", "logs"):
            if isinstance(document.get(key), (Mapping, list)):
                return frame(document[key])
        lists = {str(name): values for name, values in document.items() if _is_list_of_numbers(values)}
        if lists:
            return _lists(lists), "keras"
        return _rows([document]), "json"
    if isinstance(document, list) and all(isinstance(row, dict) for row in document):
        batches = any("batches" in row for row in document)
        return _rows(document), "skorch" if batches else "json"
    return None, "json"


def lines(texts: Sequence[str]) -> pl.DataFrame | None:
    """Return the points of JSON lines; a line that is no object (cut off, or a remark) is left out."""
    rows = []
    for text in texts:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return _rows([row for row in rows if "train_runtime" not in row])


def _ludwig(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the combined losses, or those of the only output, of Ludwig's statistics."""
    found = {}
    for part, which in (("training", "train"), ("validation", "valid")):
        outputs = document.get(part)
        if not isinstance(outputs, Mapping):
            continue
        chosen = outputs.get("combined") or next(iter(outputs.values()), None)
        for name, values in chosen.items() if isinstance(chosen, Mapping) else ():
            if isinstance(values, list):
                found[f"{which}_{name}"] = [
                    value[-1] if isinstance(value, list) else value for value in values
                ]
    return found


def _is_list_of_numbers(values: Any) -> bool:
    return (
        isinstance(values, list)
        and bool(values)
        and all(_number(value) is not None or value is None for value in values)
    )


def _lists(lists: Mapping[str, list[Any]]) -> pl.DataFrame | None:
    import polars as pl

    longest = max((len(values) for values in lists.values()), default=0)
    if not longest:
        return None
    columns = {
        name: [_number(value) for value in values] + [None] * (longest - len(values))
        for name, values in lists.items()
    }
    if not {"epoch", "step", "epochs"} & set(columns):
        columns = {"epoch": [float(row + 1) for row in range(longest)], **columns}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))


def _rows(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame | None:
    import polars as pl

    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    columns: dict[str, list[Any]] = {}
    for name in names:
        values = [row.get(name) for row in flat]
        numbers = [_number(value) for value in values]
        if any(number is not None for number in numbers):
            columns[name] = numbers
        elif name in ("run", "run_id", "run_name", "trial"):
            columns[name] = [None if value is None else str(value) for value in values]
    if not columns:
        return None
    text = ("run", "run_id", "run_name", "trial")
    schema = {
        name: pl.String if name in text and isinstance(_first(values), str) else pl.Float64
        for name, values in columns.items()
    }
    return pl.DataFrame(columns, schema=schema)


def _first(values: Sequence[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}/")
        elif not isinstance(value, list):
            flat[f"{prefix}{name}"] = value
    return flat


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    if isinstance(value, str) and value.strip().lower() in ("nan", "inf", "-inf", "infinity", "-infinity"):
        return float(value)
    return None
