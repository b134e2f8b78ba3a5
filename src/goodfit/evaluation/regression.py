"""Scores of predicted numbers as plain functions; several targets are averaged as scikit-learn does.

Targets and predictions have shape (N,) or (N, T).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mae", "max_error", "median_absolute_error", "mse", "r2", "rmse"]

Array = NDArray[Any]


def rmse(target: Array, prediction: Array) -> float:
    """Return the root of the mean squared error, the mean over targets.

    Examples
    --------
    >>> rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.4142135623730951
    """
    error = _error(target, prediction)
    return float(np.sqrt((error * error).mean(axis=0)).mean())


def mse(target: Array, prediction: Array) -> float:
    """Return the mean squared error."""
    error = _error(target, prediction)
    return float((error * error).mean())


def mae(target: Array, prediction: Array) -> float:
    """Return the mean absolute error."""
    return float(np.abs(_error(target, prediction)).mean())


def median_absolute_error(target: Array, prediction: Array) -> float:
    """Return the median absolute error, the mean over targets."""
    return float(np.median(np.abs(_error(target, prediction)), axis=0).mean())


def max_error(target: Array, prediction: Array) -> float:
    """Return the largest absolute error, the mean over targets."""
    return float(np.abs(_error(target, prediction)).max(axis=0).mean())


def r2(target: Array, prediction: Array) -> float:
    """Return the coefficient of determination, the mean over targets.

    Of a constant target it is 1 where the prediction is exact and 0 elsewhere, as in scikit-learn; NaN
    for fewer than two rows.
    """
    if len(target) < 2:
        return float("nan")
    error = _error(target, prediction)
    centred = target - target.mean(axis=0, dtype=np.float64)
    left, total = (error * error).sum(axis=0), (centred * centred).sum(axis=0)
    varies = (target != target[0]).any(axis=0) & (total > 0)
    share = np.divide(left, total, out=np.asarray(left != 0, dtype=np.float64), where=varies)
    return float(np.where(np.isnan(left), np.nan, 1 - share).mean())


def _error(target: Array, prediction: Array) -> Array:
    return np.subtract(target, prediction, dtype=np.float64)
