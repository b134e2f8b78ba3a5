"""The distribution of a column's values, as what a scaling is chosen by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["LARGEST", "ROUNDING", "Distribution", "measure", "quantile", "skew"]

Values = NDArray[np.float64]

NORMAL_SPAN = 3.2897072539029444  # from the 5th to the 95th percentile of a standard normal distribution
ROUNDING = 4 * float(np.finfo(np.float64).eps)
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Distribution:
    """What a scaling is chosen by, of a column's finite training values.

    ``low`` and ``high`` are the 5th and the 95th percentile; ``spread`` is their distance over that of a
    standard normal distribution, so that it equals ``deviation`` (with divisor n) for normal values;
    ``skew`` is the third standardised moment.
    """

    minimum: float
    maximum: float
    mean: float
    deviation: float
    median: float
    low: float
    high: float
    spread: float
    skew: float

    @property
    def constant(self) -> bool:
        """Whether nothing varies but rounding."""
        size = max(abs(self.minimum), abs(self.maximum))
        return self.deviation <= ROUNDING * size


def measure(values: Values) -> Distribution:
    """Return the distribution of ``values``, at least one, all finite; exact from 1e-308 to 1e308."""
    size = max(abs(float(values.min())), abs(float(values.max())))
    exponent = 0 if size == 0 or 1e-75 < size < 1e75 else int(np.clip(np.frexp(size)[1], -1000, 1000))
    scaled = values if exponent == 0 else np.ldexp(values, -exponent)
    low, median, high = (quantile(scaled, share) for share in (0.05, 0.5, 0.95))
    mean = scaled.mean()
    centred = scaled - mean
    deviation = np.sqrt(np.mean(np.square(centred)))
    third = skew(centred, deviation) if deviation > 1e-12 * np.abs(scaled).max() else 0.0

    def back(value: float) -> float:
        if exponent == 0:
            return float(value)
        with np.errstate(over="ignore"):
            return float(np.clip(np.ldexp(value, exponent), -LARGEST, LARGEST))

    return Distribution(
        minimum=float(values.min()),
        maximum=float(values.max()),
        mean=back(mean),
        deviation=back(deviation),
        median=back(median),
        low=back(low),
        high=back(high),
        spread=back((high - low) / NORMAL_SPAN),
        skew=third,
    )


def quantile(values: Values, share: float) -> float:
    """Same as numpy's linear quantile, in a third of the time."""
    return float(pl.Series(values).quantile(share, "linear") or 0.0)


def skew(centred: Values, deviation: float) -> float:
    """Return the third standardised moment of values less their mean."""
    standardised = centred / deviation
    return float(np.mean(np.square(standardised) * standardised))
