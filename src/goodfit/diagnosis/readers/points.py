"""Records of a log to the points of its curves: sparse rows merged, resumed runs mended, runs told apart."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.readers.columns import Meaning
from goodfit.messages import Message

if TYPE_CHECKING:
    import polars as pl

__all__ = ["runs_of", "to_points"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST_EVALUATIONS = 4
SPARSE = 1.5
FEW_JUMPS = 0.1
LARGEST = 1e120


def runs_of(table: pl.DataFrame, meaning: Meaning) -> list[pl.DataFrame]:
    """Return the runs that stand one after another in a table: each begins where the first one began.

    >>> import polars as pl
    >>> table = pl.DataFrame({"epoch": [1.0, 2.0, 1.0, 2.0, 3.0]})
    >>> [run["epoch"].to_list() for run in runs_of(table, Meaning(epoch="epoch"))]
    [[1.0, 2.0], [1.0, 2.0, 3.0]]
    """
    place = _axis(table, meaning)
    if place is None or len(place) < 2:
        return [table]
    back = np.flatnonzero(np.diff(place) < 0) + 1
    starts = back[place[back] <= place[0]]
    late = place[0] > np.quantile(place, 0.25)  # the newest rows first, or no order at all
    if not len(starts) or len(starts) < len(back) or late:
        return [table]
    edges = [0, *starts.tolist(), len(place)]
    runs = [table[first:last] for first, last in pairwise(edges)]
    return [run for run in runs if run.height > 1] or runs


def to_points(table: pl.DataFrame, meaning: Meaning) -> tuple[dict[str, Array], list[Message]]:
    """Return the columns of a History, a row per point, and what was noticed.

    Where training losses were logged more often than validations, a point is a validation, and its training
    loss the mean since the one before; where there are none, a point is an epoch. Epochs are counted from 1,
    as everywhere in goodfit.
    """
    notes: list[Message] = []
    curves = {name: _summed(table, columns) for name, columns in meaning.curves.items()}
    others = {
        name: _numbers(table, column)
        for name, column in (
            ("step", meaning.step),
            ("seconds", meaning.seconds),
            ("learning_rate", meaning.learning_rate),
            ("gradient_norm", meaning.gradient_norm),
        )
        if column is not None
    }
    place = _axis(table, meaning)
    epoch = _filled(_numbers(table, meaning.epoch)[0]) if meaning.epoch is not None else None
    if place is None:
        place = np.arange(1.0, table.height + 1)
        notes.append(Message("log.rows-counted"))
    kept = np.logical_or.reduce([present for _, present in curves.values()])
    if epoch is not None and "step" in others and len(place) > 2:
        epoch = _by_step(epoch, _numbers(table, meaning.epoch)[1], place)
    order, note = _order(place)
    if note is not None:
        notes.append(note)
    everything = {**curves, **others}
    everything["epoch"] = (epoch if epoch is not None else place, np.ones(table.height, bool))
    everything = {name: (values[order], present[order]) for name, (values, present) in everything.items()}
    kept, place = kept[order], place[order]
    group = np.concatenate([[0], np.cumsum(np.diff(place) != 0)]) if len(place) else np.zeros(0, int)
    if len(group) and group[-1] + 1 < len(group):
        several = _several(everything, group)
        if several and meaning.step is None:
            notes.append(Message("log.rows-averaged"))
        everything, kept = _grouped(everything, kept, group)
    everything = {name: (values[kept], present[kept]) for name, (values, present) in everything.items()}
    points_of = _by_evaluation(everything)
    if points_of is not None:
        everything, _ = _grouped(everything, np.ones(len(points_of), bool), points_of)
        notes.append(Message("log.thinned-to-evaluations"))
    points = {name: values for name, (values, _) in everything.items()}
    if meaning.epoch is None:
        points["epoch"] = np.arange(1.0, len(points["epoch"]) + 1)
        if meaning.step is not None:
            notes.append(Message("log.points-counted"))
    elif _from_zero(points):
        points["epoch"] = points["epoch"] + 1
        notes.append(Message("log.epochs-from-zero"))
    first = [name for name in ("epoch", "step", "train_loss", "valid_loss") if name in points]
    points |= {name: _bounded(values) for name, values in points.items() if name not in ("epoch", "step")}
    return {name: points[name] for name in [*first, *(name for name in points if name not in first)]}, notes


def _from_zero(points: Mapping[str, Array]) -> bool:
    """Say whether the first epoch that was trained is called 0.

    Fractions tell how much has been trained, and a row at 0 without a training loss, where others have one,
    is an evaluation before the training.
    """
    epoch, train = points["epoch"], points.get("train_loss")
    if not len(epoch) or epoch[0] != 0 or (epoch % 1 != 0).any():
        return False
    return train is None or not np.isnan(train[0]) or bool(np.isnan(train).all())


def _axis(table: pl.DataFrame, meaning: Meaning) -> Array | None:
    """Return where each row lies in training: its step, else its epoch, else None."""
    epoch = None if meaning.epoch is None else _numbers(table, meaning.epoch)
    step = None if meaning.step is None else _numbers(table, meaning.step)
    if step is not None and step[1].mean() > 0.5:
        place = _filled(step[0])
        within = epoch is not None and _counts_within_epochs(place, _filled(epoch[0]))
        if not within:
            return place
    return None if epoch is None or not epoch[1].any() else _filled(epoch[0])


def _counts_within_epochs(step: Array, epoch: Array) -> bool:
    """Say whether the step begins anew with every epoch."""
    back = np.diff(step) < 0
    return bool(back.any() and (np.diff(epoch)[back] > 0).all())


def _order(place: Array) -> tuple[NDArray[np.intp], Message | None]:
    """Return the rows in the order of training, without those that a resumed training did again."""
    rows = np.arange(len(place))
    back = np.diff(place) < 0
    if not back.any():
        return rows, None
    if back.sum() > max(3, FEW_JUMPS * len(place)):
        return np.argsort(place, kind="stable"), Message("log.out-of-order")
    # A row is outdone by any later one at or before its place, unless that one only went on beside it.
    lowest_after = np.minimum.accumulate(place[::-1])[::-1]
    kept = np.append(place[:-1] < lowest_after[1:], True)
    same = np.append(place[:-1] == place[1:], False)
    for row in np.flatnonzero(same)[::-1]:
        kept[row] = kept[row + 1]
    dropped = int((~kept).sum())
    return rows[kept], Message("log.resumed", {"count": dropped})


def _by_evaluation(columns: Mapping[str, tuple[Array, Mask]]) -> NDArray[np.intp] | None:
    """Return the point that each row belongs to, or None where every row is one."""
    valid = [present for name, (_, present) in columns.items() if name.startswith("valid_")]
    train = [present for name, (_, present) in columns.items() if name.startswith("train_")]
    if not train:
        return None
    trained = np.logical_or.reduce(train)
    if valid:
        ends = np.flatnonzero(np.logical_or.reduce(valid))
        if len(ends) < FEWEST_EVALUATIONS or len(trained) < SPARSE * len(ends):
            return None
        group = np.searchsorted(ends, np.arange(len(trained)))
        tail = group == len(ends)
        lost = [
            (present & ~np.isfinite(values))[tail].any()
            for name, (values, present) in columns.items()
            if name == "train_loss"
        ]
        # What comes after the last validation is a point only if it tells of a loss that is no number.
        return group if any(lost) else np.where(tail, -1, group)
    epoch = columns["epoch"][0]
    whole = np.ceil(epoch) if (epoch % 1 != 0).any() else epoch
    distinct = 1 + int((np.diff(whole) != 0).sum()) if len(whole) else 0
    if distinct < FEWEST_EVALUATIONS or len(whole) < SPARSE * distinct:
        return None
    return np.concatenate([[0], np.cumsum(np.diff(whole) != 0)]).astype(np.intp)


def _several(columns: Mapping[str, tuple[Array, Mask]], group: NDArray[np.intp]) -> bool:
    """Say whether a group has several values of one curve."""
    return any(
        (np.bincount(group, present) > 1).any()
        for name, (_, present) in columns.items()
        if name.startswith(("train_", "valid_"))
    )


def _grouped(
    columns: Mapping[str, tuple[Array, Mask]], kept: Mask, group: NDArray[np.intp]
) -> tuple[dict[str, tuple[Array, Mask]], Mask]:
    """Return one row for each group: the mean of what was trained, the last of all else; -1 is left out."""
    count = int(group.max()) + 1 if len(group) else 0
    inside = group >= 0
    out = {}
    for name, (values, present) in columns.items():
        rows = np.flatnonzero(present & inside)
        found = np.full(count, np.nan)
        if name.startswith("train_") or name == "gradient_norm":
            sizes = np.bincount(group[rows], minlength=count)
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                found = np.bincount(group[rows], values[rows], minlength=count) / sizes
        else:
            found[group[rows]] = values[rows]
        has = np.zeros(count, bool)
        has[group[rows]] = True
        out[name] = (found, has)
    keeps = np.zeros(count, bool)
    keeps[group[inside & kept]] = True
    return out, keeps


def _numbers(table: pl.DataFrame, column: str | None) -> tuple[Array, Mask]:
    if column is None:
        return np.full(table.height, np.nan), np.zeros(table.height, bool)
    series = table[column]
    return series.fill_null(float("nan")).to_numpy().astype(float), series.is_not_null().to_numpy()


def _summed(table: pl.DataFrame, columns: tuple[str, ...]) -> tuple[Array, Mask]:
    parts = [_numbers(table, column) for column in columns]
    return np.sum([values for values, _ in parts], axis=0), np.logical_and.reduce([one for _, one in parts])


def _filled(values: Array) -> Array:
    """Return ``values`` with gaps filled by what came before; before the first, by the first."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.arange(1.0, len(values) + 1)
    last = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), known[0]))
    return np.asarray(values[last])


def _bounded(values: Array) -> Array:
    """Return values so large that their squares are no numbers as infinite."""
    return np.where(np.abs(values) > LARGEST, np.copysign(np.inf, values), values)


def _by_step(epoch: Array, present: Mask, step: Array) -> Array:
    """Return the epochs, those that were not logged by their steps."""
    if present.all() or not present.any() or (np.diff(step[present]) <= 0).any():
        return epoch
    return np.interp(step, step[present], epoch[present])
