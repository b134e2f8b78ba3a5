"""Folds: several divisions of the same rows, each of which leaves out another part of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.split import Fraction, Strata, cut, random_keys, split, strata_of
from goodfit.data.table import Profile, Split
from goodfit.data.targets import rows_with_target
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["Folds", "fold_splits"]

Rows = NDArray[np.int64]


class Folds(NamedTuple):
    """A division of the rows for each fold, whose test rows are left out, and the rule of them all."""

    splits: tuple[Split, ...]
    rule: Message


def fold_splits(
    frame: pl.DataFrame,
    profile: Profile,
    folds: int,
    *,
    valid_fraction: Fraction = "auto",
    seed: int = 0,
) -> Folds:
    """Divide the rows for cross-validation, by the same rules as `goodfit.data.split.split`.

    Each fold leaves out its part as test rows; of the others, validation rows are divided off by `split`, so
    that what ends a training never sees the rows that it is judged on. At random, each class in proportion;
    by groups, none in two folds, sizes and classes as even as a greedy division makes them (the largest
    group first, each to the fold that it evens out most); or by time: the rows in order are cut into
    ``folds + 1`` stretches, and each fold learns from all that lies before the stretch it leaves out.

    Parameters
    ----------
    frame
        The typed table; row numbers refer to it.
    profile
        What the table holds: its targets, and the group or time column if there is one.
    folds
        How many.
    valid_fraction
        Share of the remaining rows for validation; 0 for none, as when a file was given for them.
    seed
        Every random choice follows from it.

    Raises
    ------
    InputError
        Fewer rows, rows of a class, groups or moments than folds; groups and times at once.
    """
    groups = None if profile.group_column is None else frame[profile.group_column]
    times = None if profile.time_column is None else frame[profile.time_column]
    if groups is not None and times is not None:
        raise InputError("split.groups-and-times", groups=groups.name, times=times.name)
    rows = rows_with_target(frame, profile.targets)
    strata = strata_of(frame[profile.targets[0]], rows, profile)
    if len(rows) < 2 * folds:
        raise InputError("folds.too-few-rows", rows=len(rows), folds=folds)
    if times is not None:
        number, rule = _by_time(times.gather(rows), folds)
    elif groups is not None:
        number, rule = _by_group(groups.gather(rows), strata, folds, seed)
    else:
        number, rule = _at_random(strata, folds, seed, ", ".join(profile.targets))
    splits = []
    for fold in range(folds):
        known = rows[number < fold] if times is not None else rows[number != fold]
        inner = split(frame[known], profile, valid_fraction=valid_fraction, test_fraction=0.0, seed=seed)
        train, valid, test = known[inner.train], known[inner.valid], rows[number == fold]
        counts = {"train": len(train), "valid": len(valid), "test": len(test)}
        told = Message("population.folds.fold", {"fold": fold + 1, "folds": folds, **counts})
        splits.append(Split(train, valid, test, told, inner.notes))
    return Folds(tuple(splits), rule)


def _at_random(strata: Strata, folds: int, seed: int, column: str) -> tuple[Rows, Message]:
    """Deal the rows of each class out, in random order, one fold after the other."""
    few = np.flatnonzero((strata.counts > 0) & (strata.counts < folds))
    if len(few):
        rows = int(strata.counts[few[0]])
        label = strata.labels[few[0]]
        raise InputError("folds.class-too-small", label=label, column=column, count=rows, folds=folds)
    order = np.lexsort((random_keys(seed, len(strata.codes)), strata.codes))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order)) % folds
    wording = "random" if len(strata.counts) == 1 else "stratified"
    return number, Message(f"population.folds.{wording}", {"folds": folds, "seed": seed})


def _by_group(group: pl.Series, strata: Strata, folds: int, seed: int) -> tuple[Rows, Message]:
    _, codes = np.unique(group.rank("dense").fill_null(0).to_numpy(), return_inverse=True)
    sizes = np.bincount(codes)
    if len(sizes) < folds:
        raise InputError("folds.too-few-groups", column=group.name, groups=len(sizes), folds=folds)
    classes = len(strata.counts)
    of_classes = np.bincount(codes * classes + strata.codes, minlength=len(sizes) * classes)
    of_classes = of_classes.reshape(len(sizes), classes)
    unit = np.maximum(strata.counts, 1) / folds
    filled = np.zeros((folds, classes))
    fold_of = np.empty(len(sizes), dtype=np.int64)
    for place in np.lexsort((random_keys(seed, len(sizes)), -sizes)):
        with_it = np.square((filled + of_classes[place]) / unit) - np.square(filled / unit)
        empty = filled.sum(axis=1) == 0
        cost = np.where(empty, -1.0, with_it.sum(axis=1)) if empty.any() else with_it.sum(axis=1)
        fold_of[place] = int(np.argmin(cost))
        filled[fold_of[place]] += of_classes[place]
    values = {"folds": folds, "seed": seed, "column": group.name, "groups": len(sizes)}
    return fold_of[codes], Message("population.folds.grouped", values)


def _by_time(time: pl.Series, folds: int) -> tuple[Rows, Message]:
    """Return the stretch of each row, -1 for the oldest, which no fold leaves out."""
    if not (time.dtype.is_temporal() or time.dtype.is_numeric()):
        raise InputError("split.time-type", column=time.name, value=str(time.drop_nulls().first()))
    if time.dtype.is_float():
        time = time.fill_nan(None)
    ranks = time.rank("dense").fill_null(1).to_numpy().astype(np.int64) - 1
    moments = int(ranks.max()) + 1
    if moments < folds + 2:
        raise InputError("folds.too-few-times", column=time.name, times=moments, folds=folds)
    wanted = np.arange(1, folds + 1) * len(ranks) / (folds + 1)
    ends = cut(np.cumsum(np.bincount(ranks)), wanted)
    number = np.searchsorted(np.array(ends), ranks, side="right") - 1
    values: dict[str, Any] = {"column": time.name, "blocks": folds + 1}
    return number.astype(np.int64), Message("population.folds.by-time", values)
