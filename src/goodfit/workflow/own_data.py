"""Somebody's tensors, Datasets and loaders to Parts, untouched."""

from __future__ import annotations

from typing import Any

import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Subset

from goodfit.data.folds import fold_splits
from goodfit.data.split import split
from goodfit.data.table import Profile, Source, Split
from goodfit.errors import InputError
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.workflow.parts import Part, Parts, part_of, pick, rows_of, target_of

__all__ = ["chosen_rows", "is_own_data", "own_folds", "own_parts"]


def is_own_data(data: Any, model: Any) -> bool:
    """Say whether ``data`` is for a network of one's own: tensors, a Dataset, a loader; no table."""
    from torch.utils.data import Dataset

    if isinstance(data, (Dataset, Part)) or hasattr(data, "dataset"):
        return True
    if callable(model) and isinstance(data, (tuple, list)):
        return True
    return (
        callable(model)
        and hasattr(data, "__iter__")
        and not hasattr(data, "columns")
        and not isinstance(data, (str, bytes, dict))
    )


def own_parts(
    data: Any, *, valid: Any, test: Any, recipe: Recipe, task: str | None, stepped: bool = False
) -> Parts:
    """Return the rows as they are; where no validation rows are given, some are split off by the rule.

    Raises
    ------
    InputError
        Nothing that could be rows, or a loader for which no validation rows can be split off while
        the recipe asks for some.
    """
    size = recipe.batch_size if isinstance(recipe.batch_size, int) else 32
    given: dict[str, Part] = {
        name: part_of(value, name, stepped=stepped, batch_size=size)
        for name, value in (("train", data), ("valid", valid), ("test", test))
        if value is not None
    }
    whole, given_valid, given_test = given["train"], given.get("valid"), given.get("test")
    known = None if task is None else _task(task, whole)
    if whole.kind == "loader" or (given_valid is not None and recipe.test_fraction in ("auto", 0.0)):
        notes = () if given_valid is not None else (Message("training.data.no-validation", {}),)
        return Parts(whole, given_valid, given_test, task=known, notes=notes)  # type: ignore[arg-type]
    division = _divide(whole, recipe, valid=given_valid is None, test=given_test is None)
    return Parts(
        train=chosen_rows(whole, division.train),
        valid=given_valid or chosen_rows(whole, division.valid),
        test=given_test or (chosen_rows(whole, division.test) if len(division.test) else None),
        task=known,  # type: ignore[arg-type]
        source=Source("data", container="array"),
        notes=(division.rule, *division.notes),
        test_rows=None if given_test is not None else division.test,
    )


def _task(task: str, whole: Part) -> str:
    if task == "classification":
        target = target_of(whole)
        return "binary" if target is not None and int(target.max()) <= 1 else "multiclass"
    if task not in ("binary", "multiclass", "regression"):
        raise InputError("training.unknown-task", task=task)
    return task


def _divide(whole: Part, recipe: Recipe, *, valid: bool, test: bool) -> Split:
    """Divide the rows by the rule of tables: each class in proportion where the targets are labels."""
    frame, profile = _as_table(whole)
    return split(
        frame,
        profile,
        valid_fraction=recipe.valid_fraction if valid else 0.0,
        test_fraction=recipe.test_fraction if test else 0.0,
        seed=recipe.rows_seed,
    )


def own_folds(
    data: Any, folds: int, *, valid: Any, recipe: Recipe, task: str | None, stepped: bool = False
) -> tuple[list[Parts], Message]:
    """Return the Parts of each fold, and the rule by which the rows are divided.

    Raises
    ------
    InputError
        Rows that only a loader delivers, which cannot be divided; or too few of them.
    """
    size = recipe.batch_size if isinstance(recipe.batch_size, int) else 32
    whole = part_of(data, "train", stepped=stepped, batch_size=size)
    given = None if valid is None else part_of(valid, "valid", stepped=stepped, batch_size=size)
    if whole.kind == "loader":
        raise InputError("folds.loader")
    known: Any = None if task is None else _task(task, whole)
    share = recipe.valid_fraction if given is None else 0.0
    divided = fold_splits(*_as_table(whole), folds, valid_fraction=share, seed=recipe.rows_seed)
    parts = [
        Parts(
            train=chosen_rows(whole, division.train),
            valid=given or chosen_rows(whole, division.valid),
            test=chosen_rows(whole, division.test),
            task=known,
            source=Source("data", container="array"),
            notes=(division.rule, *division.notes),
            test_rows=division.test,
        )
        for division in divided.splits
    ]
    return parts, divided.rule


def _as_table(whole: Part) -> tuple[pl.DataFrame, Profile]:
    """Return the targets as a table, by which the rows are divided."""
    target = target_of(whole)
    rows = rows_of(whole) or 0
    labels = target is not None and target.ndim == 1 and not target.is_floating_point()
    values = target if labels else torch.zeros(rows)
    frame = pl.DataFrame({"target": values.numpy() if isinstance(values, Tensor) else values})
    classes = tuple(sorted(frame["target"].unique().to_list())) if labels else ()
    profile = Profile(
        rows=rows,
        columns=(),
        targets=("target",),
        task=("binary" if len(classes) == 2 else "multiclass") if labels else "regression",
        task_reason=Message("training.data.own", {}),
        classes=classes,
    )
    return frame, profile


def chosen_rows(part: Part, rows: NDArray[Any]) -> Part:
    """Return some rows of tensors or of a Dataset."""
    index = torch.from_numpy(rows)
    if part.kind == "dataset":
        return Part("dataset", Subset(part.content, rows.tolist()))
    return Part("tensors", pick(part.content, index))
