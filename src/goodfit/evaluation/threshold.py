"""From which probability on the second of two classes is predicted, moved to what a metric asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.errors import InputError
from goodfit.evaluation.metrics import METRICS, measure, metric

__all__ = ["NEED_CLASSES", "Threshold", "fit_threshold", "moved", "threshold_metric"]

Array = NDArray[Any]

HALF = 0.5
NEED_CLASSES = ("labels", "counts")
"""What metrics need to which the predicted classes matter, and so the threshold."""
MOST_TRIED = 400


@dataclass(frozen=True)
class Threshold:
    """From which probability on the second class is predicted, and what that does.

    Parameters
    ----------
    value
        The probability.
    metric
        What it was chosen by; empty where the user gave the number.
    rows
        Validation rows it was chosen on.
    before, after
        Their score at one half and at ``value``; None where it was not chosen.
    """

    value: float
    metric: str = ""
    rows: int = 0
    before: float | None = None
    after: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Threshold:
        """Rebuild it from `to_dict`; what is no probability is refused."""
        found = cls(**data)
        if not 0 < found.value < 1:
            raise ValueError(f"the threshold is {found.value!r}")
        return found


def threshold_metric(name: str) -> str:
    """Return the metric ``name`` if a threshold can be chosen by it.

    Raises
    ------
    InputError
        There is no such metric, or the predicted classes do not matter to it.
    """
    found = metric(name)
    if found.needs not in NEED_CLASSES:
        fitting = [known.name for known in METRICS.values() if known.needs in NEED_CLASSES]
        raise InputError("metric.no-threshold", name=name, fitting=fitting)
    return found.name


def fit_threshold(probability: Array, target: Array, name: str) -> Threshold:
    """Return the threshold at which held-out rows score best; the nearest to one half of equal ones.

    Tried are one half and the middles between neighbouring probabilities, at most 400 of them.

    Parameters
    ----------
    probability
        Of the second class, shape (N,).
    target
        Class codes 0 and 1, shape (N,).
    name
        A metric of predicted classes.

    Examples
    --------
    >>> fit_threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1]), "f1").value
    0.25
    """
    chosen = metric(threshold_metric(name))
    known = np.unique(np.asarray(probability, dtype=np.float64))
    middles = (known[1:] + known[:-1]) / 2
    if len(middles) > MOST_TRIED:
        middles = np.unique(np.quantile(middles, np.linspace(0, 1, MOST_TRIED)))
    tried = np.unique([HALF, *middles[(middles > 0) & (middles < 1)]])
    sign = 1 if chosen.higher_is_better else -1
    scores = np.array([sign * _score(chosen, probability, target, each) for each in tried])
    best = scores >= np.nanmax(scores) - 1e-12
    value = float(tried[best][np.abs(tried[best] - HALF).argmin()])
    before, after = (_score(chosen, probability, target, each) for each in (HALF, value))
    return Threshold(value, name, len(target), before, after)


def moved(probabilities: Array, threshold: float) -> Array:
    """Return probabilities (N, 2) bent so that ``threshold`` lies at one half; the order stays.

    >>> moved(np.array([[0.8, 0.2], [0.4, 0.6]]), 0.2)[:, 1].tolist()
    [0.5, 0.75]
    """
    second = probabilities[:, 1]
    bent = np.where(
        second <= threshold, second / (2 * threshold), HALF + (second - threshold) / (2 * (1 - threshold))
    )
    return np.column_stack([1 - bent, bent])


def _score(chosen: Any, probability: Array, target: Array, threshold: float) -> float:
    labels = (np.asarray(probability) > threshold).astype(np.float64)
    return measure((chosen,), np.asarray(target, dtype=np.int64), labels)[chosen.name]
