"""Plain data of this room: a table as read, what its columns are, and which rows go where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.messages import Message

__all__ = ["Column", "ColumnKind", "Profile", "Source", "Split", "Table", "Task"]

Task = Literal["binary", "multiclass", "regression"]
ColumnKind = Literal[
    "number", "category", "boolean", "datetime", "text", "identifier", "constant", "empty", "dropped"
]
USED: tuple[ColumnKind, ...] = ("number", "category", "boolean", "datetime", "text")


@dataclass(frozen=True)
class Source:
    """Where a table came from.

    Parameters
    ----------
    name
        What it is called in messages: a file's name, ``"frame"``, ``"arrays"``.
    path
        The file's path as given, None for data in memory.
    sha256
        Hash of the file's bytes (or of the frame's content), hexadecimal.
    container
        What a prediction is given back as: ``file``, ``polars``, ``pandas``, ``array``.
    """

    name: str
    path: str | None = None
    sha256: str | None = None
    container: Literal["file", "polars", "pandas", "array"] = "file"


@dataclass(frozen=True, eq=False)
class Table:
    """A frame as read, with its source and what the reader understood (delimiter, null spellings, ...).

    Parameters
    ----------
    frame
        Numbers are finite or missing, never NaN; texts have no surrounding blanks.
    targets
        Names of the targets where the data say so themselves, as ``(X, y)`` do.
    decimal
        The decimal sign of numbers that are still text.
    kept
        Where rows were left out: the numbers of those that are left, counted from 0 in the table as given.
    """

    frame: pl.DataFrame
    source: Source
    notes: tuple[Message, ...] = ()
    targets: tuple[str, ...] = ()
    decimal: str = "."
    kept: NDArray[np.int64] | None = None

    def numbers_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers that ``rows`` have in the table as it was given."""
        return rows if self.kept is None else self.kept[rows]


@dataclass(frozen=True)
class Column:
    """What one column is, how that was decided, and whether the network gets it.

    Parameters
    ----------
    name
        As in the file's header.
    kind
        How it is treated; kinds outside `USED` are dropped.
    reason
        Why it was taken so, in the catalogue's words (``notes.column.*``).
    missing, distinct
        Counts of rows without a value and of different values.
    facts
        Kind by kind: ``minimum, maximum, mean, deviation, median, skew`` for numbers (floats); ``levels``
        (the most frequent values with counts) for categories; ``format`` for dates.
    """

    name: str
    kind: ColumnKind
    reason: Message
    missing: int
    distinct: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def used(self) -> bool:
        """Whether the network gets this column."""
        return self.kind in USED

    def to_dict(self) -> dict[str, Any]:
        """Return the column as plain data for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "reason": self.reason.to_dict(),
            "missing": self.missing,
            "distinct": self.distinct,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Column:
        """Rebuild a column from `to_dict`."""
        return cls(**{**data, "reason": Message.from_dict(data["reason"])})


@dataclass(frozen=True)
class Profile:
    """What a table holds: its columns, its target and the task.

    Parameters
    ----------
    rows
        Rows with a target.
    columns
        Every column but the targets and the group column.
    targets
        Names of the target columns.
    task
        What is to be learned, and why in ``task_reason``.
    classes
        The classes in sorted order, as they are spelled in the data; empty for regression.
    notes
        What was noticed and done (rows dropped, ...).
    target_columns
        The targets themselves: ``number`` for regression, ``category`` for classes.
    group_column, time_column
        The columns that the split goes by, if any. The time column is among ``columns`` too.
    """

    rows: int
    columns: tuple[Column, ...]
    targets: tuple[str, ...]
    task: Task
    task_reason: Message
    classes: tuple[Any, ...] = ()
    notes: tuple[Message, ...] = ()
    target_columns: tuple[Column, ...] = ()
    group_column: str | None = None
    time_column: str | None = None

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that the network gets."""
        return tuple(column for column in self.columns if column.used)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as plain data for JSON."""
        return {
            "rows": self.rows,
            "columns": [column.to_dict() for column in self.columns],
            "targets": list(self.targets),
            "task": self.task,
            "task_reason": self.task_reason.to_dict(),
            "classes": list(self.classes),
            "notes": [note.to_dict() for note in self.notes],
            "target_columns": [column.to_dict() for column in self.target_columns],
            "group_column": self.group_column,
            "time_column": self.time_column,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Profile:
        """Rebuild a profile from `to_dict`."""
        return cls(
            rows=data["rows"],
            columns=tuple(Column.from_dict(column) for column in data["columns"]),
            targets=tuple(data["targets"]),
            task=data["task"],
            task_reason=Message.from_dict(data["task_reason"]),
            classes=tuple(data["classes"]),
            notes=tuple(Message.from_dict(note) for note in data["notes"]),
            target_columns=tuple(Column.from_dict(column) for column in data["target_columns"]),
            group_column=data["group_column"],
            time_column=data["time_column"],
        )


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of each part, and the rule by which they were chosen."""

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]
    rule: Message
    notes: tuple[Message, ...] = ()
