"""A table of logged points to the curves of each run in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.readers import names
from goodfit.messages import Message
from goodfit.observations import EndedBy, History, Observations

if TYPE_CHECKING:
    import polars as pl

__all__ = ["runs_of"]

Array = NDArray[np.float64]

# Tools that log the mean over the epoch while the weights move, not the loss at its end.
RUNNING_MEANS = ("keras", "lightning", "huggingface", "fastai", "ultralytics", "skorch")
DENSE = 3
PERCENT = 1.5


def runs_of(
    frame: pl.DataFrame, source: str, given: Mapping[str, str]
) -> Iterator[tuple[str | None, Observations, tuple[Message, ...]]]:
    """Yield the name, observations and notes of each run of a table of points.

    Parameters
    ----------
    frame
        A row a point; null where nothing was logged.
    source
        What wrote it; it tells whether the training loss is a running mean.
    given
        Roles to columns, where their names do not say.
    """
    roles = {role: column for column in frame.columns if (role := names.role_of(column))}
    first = {role: column for column in reversed(frame.columns) if (role := names.role_of(column))}
    roles = first | {role: roles[role] for role in ("step",) if role in roles} | dict(given)
    for name, part in _apart(frame, roles):
        found = _observe(part, source, roles)
        if found is not None:
            yield name, *found


def _apart(frame: pl.DataFrame, roles: Mapping[str, str]) -> Iterator[tuple[str | None, pl.DataFrame]]:
    """Tell runs apart: by a column that names them, or where the epochs begin again."""
    if "run" in roles:
        for (name,), part in frame.group_by(roles["run"], maintain_order=True):
            yield (None if name is None else str(name)), part
        return
    axis = roles.get("epoch") or roles.get("step")
    if axis is None or not frame[axis].dtype.is_numeric():
        yield None, frame
        return
    values = _numbers(frame[axis])
    values[~np.isfinite(values)] = np.nan
    known = values[np.isfinite(values)]
    starts = np.flatnonzero((np.diff(values) < 0) & (values[1:] <= (known.min() if len(known) else 0))) + 1
    edges = [0, *starts.tolist(), len(frame)]
    several = len(edges) > 2 and all(end - start > 2 for start, end in pairwise(edges))
    if not several:
        yield None, frame
        return
    for number, (start, end) in enumerate(pairwise(edges), start=1):
        yield str(number), frame.slice(start, end - start)


def _observe(
    frame: pl.DataFrame, source: str, roles: Mapping[str, str]
) -> tuple[Observations, tuple[Message, ...]] | None:
    notes: list[Message] = []
    raw = {column: _numbers(frame[column]) for column in frame.columns if frame[column].dtype.is_numeric()}
    taken = {column: role for role, column in roles.items() if column in raw}
    columns: dict[str, Array] = {role: raw[column] for column, role in taken.items()}
    if "train_loss" not in columns and "train_loss_step" in columns:
        columns["train_loss"] = columns["train_loss_step"]
    columns.pop("train_loss_step", None)
    tested = columns.pop("test_loss", None)
    if tested is not None and "valid_loss" not in columns:
        columns["valid_loss"] = tested
        notes.append(Message("findings.log.test-as-valid"))
    for split in ("train", "valid"):
        _add_parts(raw, columns, split, notes)
    for column, values in raw.items():
        metric = names.metric_of(column) if column not in taken else None
        if metric is not None and metric not in columns:
            columns[metric] = _as_share(metric, values)
    if not any(name.startswith(("train_", "valid_")) for name in columns):
        return None
    lost = [
        name for name in ("train_loss", "valid_loss") if name in columns and _lost(frame, roles.get(name))
    ]
    columns = _in_order(_per_evaluation(columns))
    ended: EndedBy | None = "non-finite-loss" if lost else None
    kind: Any = "running-mean" if source in RUNNING_MEANS else "unknown"
    return Observations(History(columns, ended_by=ended), train_loss_is=kind), tuple(notes)


def _numbers(column: pl.Series) -> Array:
    return np.array(column.cast(float).fill_null(np.nan).to_numpy(), dtype=np.float64)


def _lost(frame: pl.DataFrame, column: str | None) -> bool:
    """Say whether a loss was a number until it was logged as NaN or infinity, to the end."""
    if column is None or not frame[column].dtype.is_numeric():
        return False
    logged = frame[column].drop_nulls().to_numpy()
    finite = np.isfinite(logged)
    return bool(len(logged) and not finite[-1] and finite[: int(finite.sum())].all())


def _add_parts(raw: Mapping[str, Array], columns: dict[str, Array], split: str, notes: list[Message]) -> None:
    """Add up the parts of a loss (box, class, ...) where no whole is logged."""
    if f"{split}_loss" in columns:
        return
    parts = [
        name
        for name in raw
        if names.split_of(names.normal(name))[0] == split and names.normal(name).endswith("_loss")
    ]
    if parts:
        columns[f"{split}_loss"] = np.sum([raw[name] for name in parts], axis=0)
        notes.append(Message("findings.log.parts-added", {"parts": [name.strip() for name in parts]}))


def _as_share(metric: str, values: Array) -> Array:
    finite = values[np.isfinite(values)]
    percent = "accuracy" in metric and len(finite) and finite.max() > PERCENT and finite.max() <= 100
    return values / 100 if percent else values


def _per_evaluation(columns: dict[str, Array]) -> dict[str, Array]:
    """Merge the rows of one step; average a training loss that is logged far more often than validation."""
    axis = next((name for name in ("step", "epoch") if name in columns), None)
    if axis is None:
        length = len(next(iter(columns.values())))
        return {"epoch": np.arange(1.0, length + 1), **columns}
    when = columns[axis]
    kept = np.isfinite(when)
    columns = {name: values[kept] for name, values in columns.items()}
    when, place = np.unique(columns[axis], return_inverse=True)
    train = columns.get("train_loss")
    valid = columns.get("valid_loss")
    often = (
        train is not None
        and valid is not None
        and np.isfinite(train).sum() >= DENSE * max(4, np.isfinite(valid).sum())
    )
    if often and valid is not None:
        at = np.unique(columns[axis][np.isfinite(valid)])
        place = np.searchsorted(at, columns[axis]).clip(0, len(at) - 1)
        when = at
    merged = {name: _last(values, place, len(when)) for name, values in columns.items()}
    if often and train is not None:
        merged["train_loss"] = _mean(train, place, len(when))
    merged[axis] = when
    return merged


def _last(values: Array, place: NDArray[np.intp], count: int) -> Array:
    found = np.full(count, np.nan)
    measured = np.isfinite(values) | np.isinf(values)
    found[place[measured]] = values[measured]
    return found


def _mean(values: Array, place: NDArray[np.intp], count: int) -> Array:
    measured = np.isfinite(values)
    sums = np.bincount(place[measured], weights=values[measured], minlength=count)
    counts = np.bincount(place[measured], minlength=count)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _in_order(columns: dict[str, Array]) -> dict[str, Array]:
    """Give every row an epoch: those logged, counted from 1; or the steps, where only these are known."""
    if "epoch" in columns:
        epoch = columns["epoch"]
        known = np.isfinite(epoch)
        if not known.all() and known.any() and "step" in columns:
            epoch = np.interp(columns["step"], columns["step"][known], epoch[known])
        whole = known.any() and (epoch[known] % 1 == 0).all()
        from_zero = whole and float(np.nanmin(epoch)) == 0 and "step" not in columns
        columns["epoch"] = epoch + 1 if from_zero else epoch
    elif "step" in columns:
        columns = {"epoch": columns["step"], **columns}
    return columns
