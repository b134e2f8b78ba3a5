"""Stacking: how much each of several models should count, by what they say of rows left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["stacking_weights"]

Array = NDArray[Any]

PRIOR_ROWS = 3.0
"""So many rows speak for equal weights before any is seen."""


def stacking_weights(predictions: Array, target: Array, *, classes: bool) -> NDArray[np.float64]:
    """Return what each model counts in the average that fits rows which none of them learned from.

    The weights are positive, are 1 together, and maximise the likelihood of the target (of normal errors, as
    large as those of the best model, where numbers are predicted) and of a prior that holds all models for
    alike: a Dirichlet distribution worth three rows, so that few rows do not decide alone.

    Parameters
    ----------
    predictions
        Of each model for each row: probabilities, shape (M, N, C); or values, shape (M, N, T).
    target
        Class codes, shape (N,); or values, shape (N, T).
    classes
        Which of the two.

    Returns
    -------
    ndarray
        Shape (M,).

    References
    ----------
    Wolpert, *Stacked generalization*, Neural Networks 5, 1992; Breiman, *Stacked regressions*, Machine
    Learning 24, 1996.

    Examples
    --------
    >>> target = np.arange(200.0)[:, None]
    >>> near, far = target + np.sin(target), target + 20 * np.cos(target)
    >>> stacking_weights(np.stack([near, far]), target, classes=False).round(1)
    array([1., 0.])
    """
    from scipy.optimize import minimize

    models = len(predictions)
    if models == 1:
        return np.ones(1)
    if classes:
        codes = np.asarray(target, dtype=np.int64).reshape(-1)
        said = np.clip(predictions[:, np.arange(len(codes)), codes], np.finfo(np.float64).tiny, None)

        def misfit(weights: Array) -> float:
            return float(-np.log(weights @ said).sum())
    else:
        errors = (predictions - target).reshape(models, -1).astype(np.float64)
        together = errors @ errors.T
        variance = max(float(np.diag(together).min()) / errors.shape[1], np.finfo(np.float64).tiny)

        def misfit(weights: Array) -> float:
            return float(weights @ together @ weights / (2 * variance))

    def lost(free: Array) -> float:
        logs = _log_weights(free)
        return misfit(np.exp(logs)) - PRIOR_ROWS * float(logs.mean())

    found = minimize(lost, np.zeros(models - 1), method="Nelder-Mead", options={"maxfev": 2000})
    return np.asarray(np.exp(_log_weights(found.x)))


def _log_weights(free: Array) -> Array:
    """Return the logarithms of weights that are 1 together from all numbers but the first, which is 0."""
    logs = np.concatenate([[0.0], free])
    return np.asarray(logs - np.logaddexp.reduce(logs))
