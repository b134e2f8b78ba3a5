"""What a table holds: every column's type and why, the target, the task."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat
from typing import Any

import polars as pl

from goodfit.cores import cores
from goodfit.data.casting import read_column, read_target
from goodfit.data.column_kinds import KINDS_TO_TELL, Written, describe, how_written
from goodfit.data.table import Column, Profile, Table
from goodfit.data.task import TASKS, decide_task, target_column
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = [
    "alike_notes",
    "check_some_used",
    "check_time_column",
    "class_levels",
    "describe_columns",
    "dropped_notes",
    "open_notes",
    "profile",
]

EXACT = 100_000  # rows up to which distinct, median and skew are exact
WORTH_THREADS = 5_000  # rows from which on a column is worth a thread
SHOWN = 5
LEFT_OPEN = {
    "notes.column.category-mixed": "notes.profile.category-mixed",
    "notes.column.number-ambiguous": "notes.profile.number-ambiguous",
    "notes.column.date-ambiguous": "notes.profile.date-ambiguous",
}


def profile(
    table: Table,
    target: str | Sequence[str],
    *,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    group_column: str | None = None,
    time_column: str | None = None,
    minimum_rows: int = 20,
    minimum_columns: int = 1,
) -> Profile:
    """Decide what every column is and what is to be learned, and say why.

    Parameters
    ----------
    target
        Name of the target, or names of several numbers to be predicted together.
    task
        ``binary``, ``multiclass``, ``classification`` or ``regression``; None: by the target's values, see
        `goodfit.data.task.decide_task`.
    columns
        Kinds by name, instead of what the rules of `goodfit.data.columns.describe` say: number, category,
        boolean, datetime (or ``datetime:%d/%m/%Y``), text, identifier, drop.
    group_column, time_column
        What the split will go by. The group column is no input of the network.
    minimum_rows, minimum_columns
        Fewest rows with a target, and fewest columns to learn from: 1, or 0 for a table to look at only.

    Raises
    ------
    InputError
        A column or kind that does not exist; a target that is constant, all missing or hardly repeats;
        too few rows; no column left to learn from.

    Examples
    --------
    >>> from goodfit.data.read import read
    >>> rows = range(60)
    >>> data = {"age": [20.5 + i for i in rows], "sex": ["f", "m"] * 30, "paid": ["yes", "no", "yes"] * 20}
    >>> found = profile(read(data), "paid")
    >>> [(column.name, column.kind) for column in found.columns], found.task, found.classes
    ([('age', 'number'), ('sex', 'category')], 'binary', ('no', 'yes'))
    """
    targets = (target,) if isinstance(target, str) else tuple(target)
    told = dict(columns or {})
    by = [name for name in (group_column, time_column) if name is not None]
    _check_arguments(table, targets, task, told, by)
    frame, decimal = table.frame, table.decimal
    target_columns = tuple(target_column(frame[name], task, len(targets) > 1, decimal) for name in targets)
    values = [read_target(frame[column.name], column) for column in target_columns]
    notes: list[Message] = []
    usable = pl.Series([True]).new_from_index(0, frame.height)
    for series in values:
        usable &= series.is_not_null()
    rows = int(usable.sum())
    if rows == 0:
        raise InputError("target.all-missing", column=", ".join(targets))
    if rows < frame.height:
        notes.append(Message("notes.profile.rows-dropped", {"count": frame.height - rows}))
        frame = frame.filter(usable)
        values = [series.filter(usable) for series in values]
    if rows < minimum_rows:
        raise InputError("profile.too-few-rows", file=table.source.name, count=rows, minimum=minimum_rows)
    decided, reason, classes, class_notes = decide_task(values, target_columns, task)
    if classes:
        shares = {"levels": class_levels(values[0])}
        target_columns = (replace(target_columns[0], facts={**target_columns[0].facts, **shares}),)
    inputs = [name for name in frame.columns if name not in targets and name != group_column]
    described = describe_columns(frame.select(inputs), told, decimal)
    check_time_column(table, described, time_column)
    if minimum_columns:
        check_some_used(described, table.source.name)
    notes += [*dropped_notes(described), *alike_notes(described), *open_notes(described)]
    return Profile(
        rows=rows,
        columns=described,
        targets=targets,
        task=decided,
        task_reason=reason,
        classes=classes,
        notes=(*notes, *class_notes),
        target_columns=target_columns,
        group_column=group_column,
        time_column=time_column,
    )


def describe_columns(frame: pl.DataFrame, told: Mapping[str, str], decimal: str = ".") -> tuple[Column, ...]:
    """Return what every column is, and why; ``told`` holds kinds by name, as ``columns`` in `profile`."""
    columns = frame.get_columns()
    kinds = [told.get(series.name) for series in columns]
    with ThreadPoolExecutor(cores()) as threads:
        each: Any = threads.map if frame.height >= WORTH_THREADS else map
        written = list(each(how_written, columns, kinds, repeat(decimal)))
        typed = list(each(_typed, columns, kinds, written))
        numbers = [series for series, how in zip(typed, written, strict=True) if how.kind == "number"]
        measured = _measure(numbers)
        facts = [measured.get(series.name, {}) for series in columns]
        return tuple(each(describe, typed, written, kinds, facts))


def class_levels(target: pl.Series) -> list[list[Any]]:
    """Return each class with its rows, the most frequent first.

    >>> class_levels(pl.Series([3, 1, 3]))
    [[3, 2], [1, 1]]
    """
    counts = target.drop_nulls().alias("class").value_counts(name="rows")
    return [list(row) for row in counts.sort(["rows", "class"], descending=[True, False]).iter_rows()]


def check_some_used(columns: Sequence[Column], file: str) -> None:
    """Refuse a table of which the network would get no column.

    Raises
    ------
    InputError
        None of the columns is used; it says what they are.
    """
    if any(column.used for column in columns):
        return
    if not columns:
        raise InputError("profile.only-target", file=file)
    dropped = [
        Message("errors.profile.dropped", {"column": column.name, "reason": column.reason})
        for column in columns[:SHOWN]
    ]
    raise InputError("profile.no-columns", file=file, dropped=dropped)


def _typed(series: pl.Series, told: str | None, how: Written) -> pl.Series:
    if told in ("category", "text"):
        return read_column(series, "category", {})
    return read_column(series, how.kind, how.facts)


def _measure(columns: Sequence[pl.Series]) -> dict[str, dict[str, Any]]:
    """Return facts about numbers, one pass a fact; estimates in long tables where exactness is dear."""
    if not columns:
        return {}
    frame = pl.DataFrame([series.alias(str(place)) for place, series in enumerate(columns)])
    every, wide = pl.all(), pl.all().cast(pl.Float64)
    some = wide.gather_every(max(1, frame.height // EXACT))
    present = every.drop_nulls()
    measures = {
        "distinct": present.n_unique() if frame.height <= EXACT else present.approx_n_unique(),
        "minimum": every.min().cast(pl.Float64),
        "maximum": every.max().cast(pl.Float64),
        "mean": wide.mean(),
        "deviation": wide.std(),
        "median": some.median(),
        "skew": some.skew(),
        "whole": (every == every.round()).all(),
    }
    rows = [map(_plain, frame.select(measure).row(0)) for measure in measures.values()]
    facts = [dict(zip(measures, values, strict=True)) for values in zip(*rows, strict=True)]
    return {series.name: found for series, found in zip(columns, facts, strict=True)}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def dropped_notes(columns: Sequence[Column]) -> list[Message]:
    """Return which columns the network does not get, by kind, and why."""
    notes = []
    for kind in ("identifier", "constant", "empty", "dropped"):
        names = [column.name for column in columns if column.kind == kind]
        if names:
            values = {"count": len(names), "names": [repr(name) for name in names[:20]]}
            notes.append(Message(f"notes.profile.dropped-{kind}", values))
    return notes


def alike_notes(columns: Sequence[Column]) -> list[Message]:
    """Return which columns have values that were taken as one."""
    return [
        Message(
            "notes.profile.alike",
            {"column": column.name, "values": [repr(usual) for usual in list(alike.values())[:SHOWN]]},
        )
        for column in columns
        if (alike := column.facts.get("alike"))
    ]


def open_notes(columns: Sequence[Column]) -> list[Message]:
    """Return how columns were understood that could as well be understood otherwise."""
    return [
        Message(LEFT_OPEN[column.reason.code], {**column.reason.values, "column": column.name})
        for column in columns
        if column.reason.code in LEFT_OPEN
    ]


def _check_arguments(
    table: Table,
    targets: Sequence[str],
    task: str | None,
    told: Mapping[str, str],
    by: Sequence[str],
) -> None:
    if not targets:
        raise InputError("target.none")
    names = table.frame.columns
    for name in targets:
        if name not in names:
            raise _absent("target.absent", name, table)
    if len(set(targets)) < len(targets):
        raise InputError("target.twice", columns=list(targets))
    if task is not None and task not in TASKS:
        raise InputError("target.unknown-task", task=repr(task), known=list(TASKS))
    for name in (*by, *told):
        if name not in names:
            raise _absent("profile.absent", name, table)
    for name in by:
        if name in targets:
            raise InputError("profile.split-by-target", column=name)
    for name, kind in told.items():
        if name in targets:
            raise InputError("profile.target-told", column=name)
        if kind.partition(":")[0] not in KINDS_TO_TELL or (":" in kind and not kind.startswith("datetime:")):
            raise InputError("profile.unknown-kind", column=name, kind=repr(kind), known=list(KINDS_TO_TELL))


def _absent(code: str, name: str, table: Table) -> InputError:
    names = table.frame.columns
    lower = {column.lower(): column for column in reversed(names)}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    values = {"column": repr(name), "file": table.source.name}
    if near:
        return InputError(f"{code}-near", **values, nearest=repr(lower[near[0]]))
    shown = [repr(column) for column in names[:20]] + (["..."] if len(names) > 20 else [])
    return InputError(code, **values, found=shown)


def check_time_column(table: Table, columns: Sequence[Column], time_column: str | None) -> None:
    """Refuse a time column that is not there, or whose values have no order."""
    if time_column is not None and time_column not in table.frame.columns:
        raise _absent("profile.absent", time_column, table)
    for column in columns:
        sortable = column.kind in ("number", "datetime") or "minimum" in column.facts
        if column.name == time_column and not sortable:
            raise InputError("profile.time-column", column=column.name, kind=column.kind)
