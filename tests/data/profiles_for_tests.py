"""Profiles written by hand, for tests that start after reading and profiling."""

from __future__ import annotations

from typing import Any

from goodfit.data.table import Column, ColumnKind, Profile, Task
from goodfit.messages import Message

NO_REASON = Message("notes.none")


def profile_of(
    kinds: dict[str, ColumnKind],
    task: Task = "regression",
    targets: tuple[str, ...] = ("y",),
    classes: tuple[Any, ...] = (),
    **other: Any,
) -> Profile:
    columns = tuple(Column(name, kind, NO_REASON, 0, 0) for name, kind in kinds.items())
    return Profile(0, columns, targets, task, NO_REASON, classes, **other)
