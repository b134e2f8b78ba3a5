"""What is to be learned: the target's type, the task and its classes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import polars as pl

from goodfit.data.casting import read_column
from goodfit.data.missing import different_texts, is_text
from goodfit.data.numbers import recognise_numbers
from goodfit.data.table import Column, ColumnKind, Task
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["MOST_INTEGER_CLASSES", "TASKS", "decide_task", "likely_typos", "target_column"]

TASKS = ("binary", "multiclass", "regression", "classification")
MOST_INTEGER_CLASSES = 20
ROWS_PER_CLASS = 5
RARE = 5
ENOUGH = 0.95


def target_column(series: pl.Series, task: str | None, several: bool, decimal: str) -> Column:
    """Return how a target is read: ``facts["type"]`` is number, integer, boolean or category.

    Whole numbers are integers, also where missing values or a decimal point made them floats; texts are
    numbers where 95 % of them are.

    Raises
    ------
    InputError
        The target has no value, is a date, or is text where a number is needed.
    """
    name = series.name
    if series.null_count() == len(series):
        raise InputError("target.all-missing", column=name)
    if isinstance(series.dtype, pl.Datetime):
        raise InputError("target.date", column=name)
    numeric = several or task == "regression"
    facts: dict[str, Any] = {}
    if series.dtype == pl.Boolean:
        facts["type"] = "number" if numeric else "boolean"
    elif is_text(series):
        values, rows = different_texts(series)
        found = recognise_numbers(values, rows, decimal, told=numeric)
        if found is not None and found.share >= (0.5 if numeric else ENOUGH):
            facts["written"] = found.format.to_dict()
            facts["type"] = "number"
        elif numeric:
            raise InputError("target.not-numbers", column=name, value=repr(str(values[0])))
        else:
            facts["type"] = "category"
    else:
        facts["type"] = "number"
    if facts["type"] == "number" and not numeric:
        numbers = read_column(series, "number", facts)
        if numbers.dtype.is_integer() or _all_whole(numbers):
            facts["type"] = "integer"
        elif task is not None:
            facts = {"type": "category"}
    reason = Message(f"notes.task.target-{'number' if facts['type'] == 'number' else 'class'}")
    kind: ColumnKind = "number" if facts["type"] == "number" else "category"
    return Column(name, kind, reason, series.null_count(), series.drop_nulls().n_unique(), facts)


def decide_task(
    targets: Sequence[pl.Series], columns: Sequence[Column], task: str | None
) -> tuple[Task, Message, tuple[Any, ...], tuple[Message, ...]]:
    """Return the task, why, the classes in sorted order, and notes.

    - Several targets, or numbers with a fraction: regression.
    - Texts and yes/no: classes.
    - Whole numbers: classes where there are two different ones, or at most 20 that occur in five rows each
      on average; else regression.

    Parameters
    ----------
    targets
        The targets' values without missing ones, read as ``columns`` say.

    Raises
    ------
    InputError
        One value only, texts that hardly repeat, or a task that the target does not allow.
    """
    for series in targets:
        if series.n_unique() < 2:
            raise InputError("target.constant", column=series.name, value=str(series[0]))
    if len(targets) > 1:
        if task not in (None, "regression"):
            raise InputError("target.several-classes", task=task, columns=[series.name for series in targets])
        return "regression", Message("notes.task.several", {"count": len(targets)}), (), ()
    series, kind = targets[0], str(columns[0].facts["type"])
    distinct, rows = series.n_unique(), len(series)
    values: dict[str, Any] = {"column": series.name, "count": distinct}
    if task == "regression":
        return "regression", Message("notes.task.told", {"task": task}), (), ()
    if task is None:
        if kind == "number":
            return "regression", Message("notes.task.numbers", values), (), ()
        few = distinct == 2 or (distinct <= MOST_INTEGER_CLASSES and rows >= ROWS_PER_CLASS * distinct)
        if kind == "integer" and not few:
            return "regression", Message("notes.task.many-integers", values), (), ()
    if task == "binary" and distinct != 2:
        raise InputError("target.not-binary", column=series.name, count=distinct)
    if distinct > max(MOST_INTEGER_CLASSES, rows // 2):
        raise InputError("target.too-many-classes", column=series.name, count=distinct, rows=rows)
    counts = series.alias("class").value_counts(name="rows").sort("class")
    classes = tuple(counts["class"].to_list())
    decided: Task = "binary" if distinct == 2 else "multiclass"
    if task is not None:
        reason = Message("notes.task.told", {"task": decided})
    elif kind == "integer" and distinct > 2:
        reason = Message("notes.task.few-integers", {**values, "most": MOST_INTEGER_CLASSES})
    else:
        reason = Message(f"notes.task.{decided}", {**values, "classes": [str(c) for c in classes[:5]]})
    return decided, reason, classes, _class_notes(counts)


def _all_whole(numbers: pl.Series) -> bool:
    values = numbers.drop_nulls()
    return bool(((values == values.round()) & (values.abs() < 2**53)).all())


def _class_notes(counts: pl.DataFrame) -> tuple[Message, ...]:
    notes = []
    rare = counts.filter(pl.col("rows") < RARE)
    if rare.height:
        shown = [f"{name} ({rows})" for name, rows in rare.head(5).iter_rows()]
        notes.append(Message("notes.task.rare-classes", {"count": rare.height, "classes": shown}))
    if counts["class"].dtype == pl.String:
        alike = counts.group_by(pl.col("class").str.to_lowercase().alias("lower")).agg(pl.col("class").sort())
        for names in alike.filter(pl.col("class").list.len() > 1).sort("lower")["class"].to_list()[:5]:
            notes.append(Message("notes.task.similar-classes", {"classes": [repr(name) for name in names]}))
    return (*notes, *likely_typos(list(counts.iter_rows()), int(counts["rows"].sum())))


def likely_typos(levels: Sequence[Sequence[Any]], rows: int) -> list[Message]:
    """Return classes of hardly a row whose name is nearly that of a frequent one.

    Parameters
    ----------
    levels
        Each class with its rows.
    rows
        Rows of all classes.
    """
    named = [(name, count) for name, count in levels if isinstance(name, str)]
    frequent = [name for name, count in named if count >= 0.05 * rows]
    found = []
    for name, count in named:
        near = difflib.get_close_matches(name, frequent, n=1, cutoff=0.65)
        hardly = len(name) > 2 and count <= max(2, 0.002 * rows)
        if near and hardly and near[0].lower() != name.lower():
            facts = {"value": name, "count": count, "nearest": near[0]}
            found.append(Message("profile.remark.class-typo", facts))
    return found[:5]
