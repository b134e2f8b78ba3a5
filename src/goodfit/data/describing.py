"""Describing: say in words what preparation does with each column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goodfit.data.preparation import (
    BooleanColumn,
    CategoryColumn,
    ClassTarget,
    DatetimeColumn,
    NumberColumn,
    Preparation,
    PreparedColumn,
    TargetColumn,
    TextColumn,
)
from goodfit.messages import Message

__all__ = ["ColumnNote", "describe"]


@dataclass(frozen=True)
class ColumnNote:
    """One thing that was done with a column; a column may have several."""

    column: str
    kind: str
    message: Message


def describe(preparation: Preparation) -> list[ColumnNote]:
    """Return what was done with each column, in the table's order, and last with the target."""
    notes = [
        ColumnNote(column.name, column.kind, message)
        for column in preparation.columns
        for message in _messages(column, preparation.rows)
    ]
    target = preparation.target
    if isinstance(target, ClassTarget):
        message = Message("prepare.target-classes", {"count": target.width})
        return [*notes, ColumnNote(target.name, target.kind, message)]
    return [*notes, *(ColumnNote(column.name, target.kind, _target(column)) for column in target.columns)]


def _messages(column: PreparedColumn, rows: int) -> list[Message]:
    if isinstance(column, NumberColumn):
        filled = _missing(column, rows, {"fill": _short(column.fill)}, "number")
        return [_number(column), *_outliers(column), *filled]
    if isinstance(column, BooleanColumn):
        return [Message("prepare.boolean"), *_missing(column, rows, {}, "boolean")]
    if isinstance(column, DatetimeColumn):
        cycles = [Message(f"prepare.cycle-{cycle}") for cycle in column.cycles]
        return [_elapsed(column.elapsed), *cycles, *_missing(column, rows, {}, "datetime")]
    if isinstance(column, TextColumn):
        numbers = Message("prepare.text", {"count": len(column.components)})
        return [numbers, *_missing(column, rows, {}, "text")]
    return _category(column, rows)


def _number(column: NumberColumn) -> Message:
    numbers = _single(column)
    parameters = {name: _short(value) for name, value in numbers.items()}
    if column.scaling == "minmax":
        low, high = numbers["center"] - numbers["scale"], numbers["center"] + numbers["scale"]
        parameters = {"low": _short(low), "high": _short(high)}
    elif column.scaling == "unit":
        low, high = numbers["center"], numbers["center"] + numbers["scale"]
        parameters = {"low": _short(low), "high": _short(high)}
    return Message(f"prepare.number-{column.scaling}", parameters)


def _single(column: NumberColumn) -> dict[str, float]:
    """Return the scaling's parameters that are single numbers."""
    return {name: value for name, value in column.parameters.items() if not isinstance(value, tuple)}


def _elapsed(column: NumberColumn) -> Message:
    if column.scaling != "minmax":
        return Message("prepare.datetime", {"scaling": column.scaling})
    numbers = _single(column)
    ends = [numbers["center"] + side * numbers["scale"] for side in (-1, 1)]
    return Message("prepare.datetime-minmax", dict(zip(("low", "high"), map(_day, ends), strict=True)))


def _day(days: float) -> str:
    return str(np.datetime64("1970-01-01") + np.timedelta64(round(days), "D"))


def _outliers(column: NumberColumn) -> list[Message]:
    rule = column.outliers
    if rule is None:
        return []
    low = "-∞" if rule.low is None else f"{rule.low:.4g}"
    high = "∞" if rule.high is None else f"{rule.high:.4g}"
    return [Message(f"prepare.outliers-{rule.treatment}", {"count": rule.count, "low": low, "high": high})]


def _missing(
    column: NumberColumn | BooleanColumn | DatetimeColumn | TextColumn,
    rows: int,
    values: dict[str, float],
    kind: str,
) -> list[Message]:
    if not column.missing:
        return []
    counts = {"count": column.missing, "percent": round(100 * column.missing / rows, 1)}
    filled = Message(f"prepare.missing-{kind}", {**counts, **values})
    return [filled, Message("prepare.indicator")] if column.indicator else [filled]


def _category(column: CategoryColumn, rows: int) -> list[Message]:
    messages = [Message("prepare.category", {"count": len(column.levels) - (None in column.levels)})]
    if column.rare:
        messages.append(Message("prepare.rare", {"count": len(column.rare), "minimum": column.minimum}))
    if column.missing:
        code = "prepare.missing-level" if None in column.levels else "prepare.missing-rare"
        percent = round(100 * column.missing / rows, 1)
        messages.append(Message(code, {"count": column.missing, "percent": percent}))
    return messages


def _target(column: TargetColumn) -> Message:
    values = {"center": _short(column.center), "scale": _short(column.scale), "unit": _short(column.unit)}
    return Message(f"prepare.target-{column.scaling}", values)


def _short(value: float) -> float:
    """Four significant digits, for reading."""
    return float(f"{value:.4g}")
