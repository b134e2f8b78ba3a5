"""How far equal trainings come apart: what differs in nothing but chance, and what differs by more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from goodfit.evaluation.scores import Score

__all__ = ["Spread", "difference_of_means", "spread_of"]


@dataclass(frozen=True)
class Spread:
    """A quantity over several trainings.

    Parameters
    ----------
    count
        Trainings in which it is a finite number.
    mean, deviation
        Its mean, and its standard deviation with ``count - 1`` below the line (NaN for a single training).
    low, high
        The lowest and the highest value.
    """

    count: int
    mean: float
    deviation: float
    low: float
    high: float

    @property
    def repeatability(self) -> float:
        """How far two trainings differ at most in 19 of 20 cases, by chance alone.

        The repeatability limit of ISO 5725-6, with Student's t for the few trainings that the deviation
        is known from; it takes the values as normally distributed. NaN for a single training.
        """
        if self.count < 2:
            return math.nan
        return student(0.975, self.count - 1) * math.sqrt(2.0) * self.deviation

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON; NaN is None."""
        values = {**asdict(self), "repeatability": self.repeatability}
        return {name: value if math.isfinite(value) else None for name, value in values.items()}


def spread_of(values: Sequence[float]) -> Spread | None:
    """Return the spread of the values that are finite; None where there are none.

    Examples
    --------
    >>> spread_of([1.0, 2.0, 3.0, float("nan")])
    Spread(count=3, mean=2.0, deviation=1.0, low=1.0, high=3.0)
    """
    known = [float(value) for value in values if math.isfinite(value)]
    if not known:
        return None
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
    return Spread(len(known), float(np.mean(known)), deviation, min(known), max(known))


def difference_of_means(ours: Spread, theirs: Spread, level: float = 0.95) -> Score:
    """Return by how much our mean is above theirs, with the interval of Welch (1947).

    NaN bounds where either is known from a single training.

    Examples
    --------
    >>> difference_of_means(spread_of([2.0, 3.0, 4.0]), spread_of([1.0, 2.0, 3.0])).value
    1.0
    """
    difference = ours.mean - theirs.mean
    if min(ours.count, theirs.count) < 2:
        return Score(difference, math.nan, math.nan)
    parts = [spread.deviation**2 / spread.count for spread in (ours, theirs)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return Score(difference, difference, difference)
    below = sum(part**2 / (spread.count - 1) for part, spread in zip(parts, (ours, theirs), strict=True))
    room = student((1 + level) / 2, sum(parts) ** 2 / below) * error
    return Score(difference, difference - room, difference + room)


def student(share: float, freedom: float) -> float:
    """Return the quantile of Student's t distribution.

    Examples
    --------
    >>> round(student(0.975, 7), 3)
    2.365
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))
