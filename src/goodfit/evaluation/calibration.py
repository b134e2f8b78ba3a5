"""Temperature scaling: probabilities as sure as they deserve to be, fitted on rows held out from training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "fit_temperature"]

Array = NDArray[Any]

FEWEST_ROWS = 50
LOW, HIGH = 0.2, 10.0
STEPS = 30


@dataclass(frozen=True)
class Calibration:
    """By what the network's outputs are divided before they become probabilities, and what that does.

    Parameters
    ----------
    temperature
        Above 1 the network was too sure, below 1 not sure enough; 1 leaves it as it was.
    rows
        Validation rows it was fitted on.
    before, after
        Their log loss without and with it.
    """

    temperature: float
    rows: int
    before: float
    after: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """Rebuild it from `to_dict`; a temperature that is no positive number is refused."""
        found = cls(**data)
        if not (np.isfinite(found.temperature) and found.temperature > 0):
            raise ValueError(f"temperature is {found.temperature!r}")
        return found


def fit_temperature(outputs: Array, target: Array) -> Calibration | None:
    """Return the temperature that gives held-out rows the smallest log loss.

    As Platt (1999) does, each row counts with a little of every other class, as if one more row of each had
    been seen, so that rows which are all predicted right do not ask for boundless confidence. What does not
    lower the log loss itself is not done: the temperature is 1 then.

    Parameters
    ----------
    outputs
        Logits: of each class, shape (N, C) with C > 1; or of the second of two, shape (N, 1).
    target
        Class codes, shape (N,).

    Returns
    -------
    Calibration or None
        None for fewer than 50 rows, or outputs that are not finite.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks*, ICML 2017; Platt,
    *Probabilistic outputs for support vector machines*, 1999.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(0, 2, (2000, 1))
    >>> target = (rng.random(2000) < 1 / (1 + np.exp(-logit[:, 0]))).astype(int)
    >>> round(fit_temperature(3 * logit, target).temperature)
    3
    """
    logits, target = np.asarray(outputs, dtype=np.float64), np.asarray(target, dtype=np.int64).reshape(-1)
    if len(target) < FEWEST_ROWS or not np.isfinite(logits).all():
        return None
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    rows, classes = logits.shape
    own = logits[np.arange(rows), target]
    share = classes / (rows + classes)  # what a row gives to all classes alike
    towards = (1 - share) * own.mean() + share * logits.mean()

    def smoothed(inverse: float) -> float:
        return float(_log_sum_exp(logits * inverse).mean() - inverse * towards)

    def loss(inverse: float) -> float:
        return float((_log_sum_exp(logits * inverse) - own * inverse).mean())

    inverse = _least(smoothed, 1 / HIGH, 1 / LOW)
    before, after = loss(1.0), loss(inverse)
    if not after < before:
        return Calibration(1.0, rows, before, before)
    return Calibration(1 / inverse, rows, before, after)


def _log_sum_exp(values: Array) -> Array:
    highest = values.max(axis=1)
    return np.asarray(highest + np.log(np.exp(values - highest[:, None]).sum(axis=1)))


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a convex function is least, by golden sections of the logarithm."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = math.log(low), math.log(high)
    first, second = right - ratio * (right - left), left + ratio * (right - left)
    at_first, at_second = function(math.exp(first)), function(math.exp(second))
    for _ in range(STEPS):
        if at_first <= at_second:
            right, second, at_second = second, first, at_first
            first = right - ratio * (right - left)
            at_first = function(math.exp(first))
        else:
            left, first, at_first = first, second, at_second
            second = left + ratio * (right - left)
            at_second = function(math.exp(second))
    return math.exp((left + right) / 2)
