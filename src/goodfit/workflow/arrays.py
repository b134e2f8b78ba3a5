"""Inputs and targets that somebody holds apart, the targets already coded, to Parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from goodfit.data.applying import apply_preparation
from goodfit.data.casting import cast
from goodfit.data.facts import TableFacts, TypedRows, network_inputs
from goodfit.data.fitting import fit_preparation
from goodfit.data.missing import NULL_SPELLINGS, clean
from goodfit.data.preparation import ClassTarget
from goodfit.data.profile import check_some_used, class_levels, describe_columns
from goodfit.data.read import read
from goodfit.data.split import split
from goodfit.data.table import Column, Profile, Source, Table, Task
from goodfit.data.targets import encode_target
from goodfit.errors import InputError
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.workflow.parts import Part, Parts
from goodfit.workflow.tables import sampled

__all__ = ["array_parts", "prepared_inputs"]

FEWEST_TO_DIVIDE = 40
"""Rows below which all are trained on, unless a share for validation is asked for."""


def array_parts(
    x: Any,
    y: NDArray[Any],
    *,
    recipe: Recipe,
    classes: Sequence[Any] = (),
    columns: Mapping[str, str] | None = None,
    name: str = "target",
) -> Parts:
    """Prepare inputs and targets for a training.

    Validation rows are split off where the recipe has ``patience`` and there are 40 rows, or where it names
    their share.

    Parameters
    ----------
    x
        A pandas or polars frame, typed by the rules of `goodfit.data.profile`; or a matrix of numbers,
        shape ``(rows, columns)``, each column taken as a number.
    y
        Class codes, shape ``(rows,)``, or numbers, shape ``(rows,)`` or ``(rows, targets)``.
    classes
        What the codes stand for, sorted; empty for a regression.
    columns
        Kinds of columns by name, see `goodfit.data.profile.profile`.
    name
        What the target is called.

    Raises
    ------
    InputError
        No column to learn from, or too few rows for the parts asked for.
    """
    table = as_table(x, columns)
    task: Task = "regression" if not len(classes) else "binary" if len(classes) == 2 else "multiclass"
    names = _target_names(name, table.frame.columns, 1 if y.ndim == 1 else y.shape[1])
    facts = _profile(table, task, classes, names, y, columns, matrix=isinstance(x, np.ndarray))
    targets = [pl.Series(column, values) for column, values in zip(names, np.atleast_2d(y.T), strict=True)]
    typed = cast(table, facts, target=False)
    frame = typed.frame.with_columns(targets)
    divided = recipe.valid_fraction != "auto" or (recipe.patience and len(y) >= FEWEST_TO_DIVIDE)
    division = split(
        frame,
        facts,
        valid_fraction=recipe.valid_fraction if divided else 0.0,
        test_fraction=recipe.test_fraction,
        seed=recipe.rows_seed,
    )
    preparation = fit_preparation(frame, facts, division.train, scale=recipe.scale, outliers=recipe.outliers)
    prepared = apply_preparation(preparation, typed.frame, table.source.name)
    by_code = isinstance(preparation.target, ClassTarget)
    encoded = torch.from_numpy(
        y.astype(np.int64) if by_code else encode_target(preparation.target, frame, table.source.name)
    )
    parts = {
        part: Part("tensors", (network_inputs(prepared, rows), encoded[torch.from_numpy(rows)]))
        for part, rows in (("train", division.train), ("valid", division.valid), ("test", division.test))
        if len(rows)
    }
    return Parts(
        train=parts["train"],
        valid=parts.get("valid"),
        test=parts.get("test"),
        task=task,
        classes=facts.classes,
        table=TableFacts(table.source, facts, division, preparation, table.notes),
        source=table.source,
        held_out=TypedRows.of(typed, encoded.numpy(), sampled(division.valid, frame.width)),
        tested=TypedRows.of(typed, encoded.numpy(), division.test),
    )


def prepared_inputs(x: Any, facts: TableFacts) -> Any:
    """Return the network's inputs for rows like those that were trained on; columns go by their place.

    Raises
    ------
    InputError
        A column that cannot be read as what it was.
    """
    kinds = {column.name: column.kind for column in facts.profile.columns if column.kind == "category"}
    table = as_table(x, kinds)
    frame = table.frame
    frame.columns = [column.name for column in facts.profile.columns]
    typed = cast(Table(frame, table.source, (), (), table.decimal), facts.profile, target=False)
    return network_inputs(apply_preparation(facts.preparation, typed.frame, table.source.name))


def as_table(x: Any, columns: Mapping[str, str] | None = None) -> Table:
    """Return a frame, or a matrix of numbers with the columns x1, x2, ..., as a Table."""
    if not isinstance(x, np.ndarray):
        return read(x, columns=columns)
    names = [f"x{place + 1}" for place in range(x.shape[1])]
    frame = pl.DataFrame(
        [pl.Series(name, np.ascontiguousarray(x[:, place])) for place, name in enumerate(names)]
    )
    frame, _, notes = clean(frame, NULL_SPELLINGS)
    return Table(frame, Source("arrays", container="array"), notes)


def _profile(
    table: Table,
    task: Task,
    classes: Sequence[Any],
    names: Sequence[str],
    y: NDArray[Any],
    columns: Mapping[str, str] | None,
    *,
    matrix: bool,
) -> Profile:
    told = dict.fromkeys(table.frame.columns, "number") if matrix else {}
    absent = [name for name in columns or {} if name not in table.frame.columns]
    if absent:
        raise InputError(
            "profile.absent", column=repr(absent[0]), file=table.source.name, found=table.frame.columns[:20]
        )
    described = describe_columns(table.frame, {**told, **(columns or {})}, table.decimal)
    check_some_used(described, table.source.name)
    return Profile(
        rows=table.frame.height,
        columns=described,
        targets=tuple(names),
        task=task,
        task_reason=Message("notes.task.told", {"task": task}),
        classes=tuple(classes),
        target_columns=tuple(_target_column(name, classes, y) for name in names),
    )


def _target_column(name: str, classes: Sequence[Any], y: NDArray[Any]) -> Column:
    if not len(classes):
        return Column(name, "number", Message("notes.task.target-number"), 0, len(y), {"type": "number"})
    kinds = {bool: "boolean", int: "integer", float: "integer"}
    levels = [[classes[code], rows] for code, rows in class_levels(pl.Series(y))]
    facts = {"type": kinds.get(type(classes[0]), "category"), "levels": levels}
    return Column(name, "category", Message("notes.task.target-class"), 0, len(classes), facts)


def _target_names(name: str, taken: Sequence[str], count: int) -> list[str]:
    while name in taken or any(f"{name}{place + 1}" in taken for place in range(count)):
        name += "_"
    return [name] if count == 1 else [f"{name}{place + 1}" for place in range(count)]
