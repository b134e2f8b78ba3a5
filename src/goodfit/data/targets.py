"""Targets: what is to be predicted, as tensors for training, and predictions brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from goodfit.data.columns import as_categorical, category_codes
from goodfit.data.distribution import measure
from goodfit.data.preparation import ClassTarget, NumberTarget, TargetColumn
from goodfit.data.table import Profile
from goodfit.errors import InputError

__all__ = ["decode_target", "encode_target", "fit_target", "rows_with_target"]

NO_CLASS = -1
NAMED_CLASSES = 20
LARGEST_LOG = 709.0


def rows_with_target(frame: pl.DataFrame, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the numbers of the rows in which no target is missing, NaN or infinite."""
    known = np.ones(frame.height, dtype=bool)
    for name in names:
        target = frame[name]
        present = target.is_not_null()
        if target.dtype.is_float():
            present &= target.is_finite().fill_null(False)
        known &= present.to_numpy()
    return np.flatnonzero(known).astype(np.int64)


def fit_target(
    frame: pl.DataFrame,
    profile: Profile,
    rows: NDArray[np.int64],
    scale: Mapping[str, str] | None = None,
) -> ClassTarget | NumberTarget:
    """Learn how to encode the target from the training ``rows``.

    Numbers are standardised. A target that ``scale`` names with ``log`` has its logarithm taken before, for
    positive targets whose relative error matters; it is never chosen by itself, since least squares on
    logarithms predict the median, and are worse by the RMSE that is reported.

    Raises
    ------
    InputError
        ``scale`` names a target with another scaling than ``standard`` and ``log``, or with ``log`` where a
        value is negative.
    """
    told = scale or {}
    if profile.task != "regression":
        return ClassTarget(profile.targets[0], tuple(profile.classes))
    for name in profile.targets:
        if told.get(name, "standard") not in ("standard", "log"):
            raise InputError("prepare.scale-of-target", column=name, scaling=told[name])
    return NumberTarget(
        tuple(
            _fit_column(frame[name], rows, "log" if told.get(name) == "log" else "standard")
            for name in profile.targets
        )
    )


def _fit_column(
    series: pl.Series, rows: NDArray[np.int64], scaling: Literal["standard", "log"]
) -> TargetColumn:
    values = _numbers(series)[rows]
    values = values[np.isfinite(values)]
    if not len(values):
        return TargetColumn(series.name, "standard", 0.0, 1.0)
    unit = 1.0
    if scaling == "log":
        if values.min() < 0:
            raise InputError("prepare.log-of-negative", column=series.name, value=float(values.min()))
        unit = float(np.median(values[values > 0])) if values.max() > 0 else 1.0
        values = np.log1p(values / unit)
    distribution = measure(values)
    deviation = 1.0 if distribution.constant else distribution.deviation
    return TargetColumn(series.name, scaling, distribution.mean, deviation, unit)


def encode_target(
    target: ClassTarget | NumberTarget, frame: pl.DataFrame, source: str = "frame"
) -> NDArray[np.int64] | NDArray[np.float32]:
    """Return the target as the loss takes it.

    Returns
    -------
    array
        Class codes, int64, shape ``(rows,)``, -1 where missing; or standardised numbers, float32, shape
        ``(rows, targets)``, NaN where missing.

    Raises
    ------
    InputError
        A target column that is not there, or a class that was not in the data trained on.
    """
    for name in target.names:
        if name not in frame.columns:
            raise InputError("prepare.target-missing", column=name, source=source)
    if isinstance(target, ClassTarget):
        return _class_codes(frame[target.name], target, source)
    encoded = np.empty((frame.height, target.width), dtype=np.float32)
    for number, column in enumerate(target.columns):
        values = _numbers(frame[column.name])
        if column.scaling == "log":
            values = np.log1p(np.maximum(values / column.unit, 0))
        values = (values - column.center) / column.scale
        limit = float(np.finfo(np.float32).max)
        encoded[:, number] = np.where(np.isfinite(values), np.clip(values, -limit, limit), np.nan)
    return encoded


def decode_target(target: ClassTarget | NumberTarget, values: ArrayLike) -> NDArray[Any]:
    """Bring class codes back to classes, or standardised numbers back to the data's units.

    Parameters
    ----------
    target
        How they were encoded.
    values
        Class codes, shape ``(rows,)``; or numbers, shape ``(rows, targets)`` or ``(rows,)`` for one target.

    Returns
    -------
    array
        Labels, shape ``(rows,)``; or float64, shape ``(rows, targets)``.
    """
    if isinstance(target, ClassTarget):
        kinds = {type(label) for label in target.classes}
        labels = np.array(target.classes, dtype=None if len(kinds) == 1 else object)
        return labels[np.asarray(values, dtype=np.int64)]
    outputs = np.asarray(values, dtype=np.float64)
    decoded = outputs.reshape(-1, target.width).copy()
    for number, column in enumerate(target.columns):
        with np.errstate(over="ignore"):
            units = decoded[:, number] * column.scale + column.center
            if column.scaling == "log":
                units = column.unit * np.expm1(np.minimum(units, LARGEST_LOG))
        decoded[:, number] = np.nan_to_num(units, nan=np.nan)
    return decoded


def _class_codes(series: pl.Series, target: ClassTarget, source: str) -> NDArray[np.int64]:
    numeric = all(isinstance(label, (int, float)) and not isinstance(label, bool) for label in target.classes)
    codes = _codes_of_numbers(series, target) if numeric else _codes_of_texts(series, target)
    unknown = np.flatnonzero((codes == NO_CLASS) & series.is_not_null().to_numpy())
    if len(unknown):
        raise InputError(
            "prepare.unknown-class",
            value=str(series[int(unknown[0])]),
            column=target.name,
            source=source,
            classes=[str(label) for label in target.classes[:NAMED_CLASSES]],
            count=len(target.classes),
        )
    return codes


def _codes_of_numbers(series: pl.Series, target: ClassTarget) -> NDArray[np.int64]:
    labels = np.array(target.classes, dtype=np.float64)
    order = np.argsort(labels)
    values = _numbers(series)
    place = np.minimum(np.searchsorted(labels, values, sorter=order), len(labels) - 1)
    codes: NDArray[np.int64] = order[place]
    codes[labels[codes] != values] = NO_CLASS
    return codes


def _codes_of_texts(series: pl.Series, target: ClassTarget) -> NDArray[np.int64]:
    numbers, texts = category_codes(as_categorical(series))
    place = {_spelling(label): place for place, label in enumerate(target.classes)}
    codes = [NO_CLASS if text is None else place.get(text, NO_CLASS) for text in texts]
    return np.array(codes, dtype=np.int64)[numbers]


def _spelling(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _numbers(series: pl.Series) -> NDArray[np.float64]:
    return series.cast(pl.Float64, strict=False).to_numpy()
