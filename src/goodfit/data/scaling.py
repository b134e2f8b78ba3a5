"""Scalings of numbers: which one suits a column's distribution, what it learns, what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["SCALINGS", "Distribution", "Scaling", "choose_scaling", "measure", "scale", "soft_clip"]

Values = NDArray[np.float64]
Parameters = Mapping[str, float]

SKEWED = 1.0
LOPSIDED = 1.5
TAMED = 2 / 3
HEAVY_TAILED = 1.5
FAR_OUT = 8.0
LIMIT = 5.0
HEAVY_LIMIT = 3.0
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
    low, median, high = (_quantile(scaled, share) for share in (0.05, 0.5, 0.95))
    mean = scaled.mean()
    centred = scaled - mean
    deviation = np.sqrt(np.mean(np.square(centred)))
    skew = _skew(centred, deviation) if deviation > 1e-12 * np.abs(scaled).max() else 0.0

    @np.errstate(over="ignore")
    def back(value: float) -> float:
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
        skew=skew,
    )


@dataclass(frozen=True)
class Scaling:
    """A way to bring a column to the size that networks learn from.

    Parameters
    ----------
    fit
        The parameters learned from values so distributed, None where the scaling does not suit them;
        those named ``scale``, ``unit`` and ``limit`` are above 0.
    transform
        Finite values to scaled ones, before `soft_clip`.
    parameters
        Names of the parameters, ``limit`` (of `soft_clip`) among them.
    """

    fit: Callable[[Values, Distribution], dict[str, float] | None]
    transform: Callable[[Values, Parameters], Values]
    parameters: tuple[str, ...]

    def accepts(self, parameters: Parameters) -> bool:
        """Whether these can be its parameters."""
        return set(parameters) == set(self.parameters) and all(
            parameters[name] > 0 for name in ("scale", "unit", "limit") if name in parameters
        )


def choose_scaling(
    values: Values, distribution: Distribution, *, zero_means_none: bool = True
) -> tuple[str, dict[str, float]]:
    """Return the name and the parameters of the first scaling in `SCALINGS` that suits ``values``.

    - ``constant`` (zero for every value): nothing varies.
    - ``log``: no value is negative, the skew is above 1 and not the work of a few outliers (the upper
      nine tenths of the upper half span 1.5 times what those of the lower half do, or half of the values
      are the smallest), and ``log(1 + value / median of those above 0)`` takes a third of it away;
      standardised after.
    - ``robust``: the deviation is more than 1.5 times that of a normal distribution with the same 5th
      and 95th percentile, and some value is further than 8 of the latter from the median; centred on the
      median, divided by the latter.
    - ``standard``: everything else; by mean and deviation.

    Where zero is only a convention, as in days since 1970, ``zero_means_none=False`` leaves out ``log``.
    """
    for name, scaling in SCALINGS.items():
        if name == "log" and not zero_means_none:
            continue
        parameters = scaling.fit(values, distribution)
        if parameters is not None:
            return name, parameters
    raise AssertionError("the last scaling suits everything")


def scale(values: Values, scaling: str, parameters: Parameters) -> Values:
    """Return finite ``values`` scaled and softly clipped; always finite, never above three limits."""
    with np.errstate(over="ignore"):
        return soft_clip(SCALINGS[scaling].transform(values, parameters), parameters["limit"])


def soft_clip(values: Values, limit: float) -> Values:
    """Leave values within ``limit`` as they are; let those beyond grow as a logarithm, to 3 limits at most.

    So an outlier met at prediction, of 1e30, say, cannot drown everything else.

    Examples
    --------
    >>> soft_clip(np.array([-2.0, 5.0, 1e30]), limit=5.0)
    array([-2.,  5., 15.])
    """
    size = np.abs(values)
    if not np.any(size > limit):
        return values
    beyond = size > limit
    clipped = values.copy()
    grown = limit * (1 + np.log(np.minimum(size[beyond] / limit, np.e**2)))
    clipped[beyond] = np.copysign(grown, values[beyond])
    return clipped


def _affine(values: Values, parameters: Parameters) -> Values:
    return (values - parameters["center"]) / parameters["scale"]


def _log(values: Values, unit: float) -> Values:
    with np.errstate(over="ignore"):
        ratio = np.minimum(np.abs(values) / unit, LARGEST)
    return np.copysign(np.log1p(ratio), values)


def _zeros(values: Values, parameters: Parameters) -> Values:
    return np.zeros_like(values)


def _log_affine(values: Values, parameters: Parameters) -> Values:
    return _affine(_log(values, parameters["unit"]), parameters)


def _fit_constant(values: Values, distribution: Distribution) -> dict[str, float] | None:
    return {"limit": LIMIT} if distribution.constant else None


def _fit_log(values: Values, distribution: Distribution) -> dict[str, float] | None:
    if distribution.minimum < 0 or distribution.skew <= SKEWED or not _lopsided(distribution):
        return None
    unit = _quantile(values[values > 0], 0.5)
    logs = _log(values, unit)
    mean = float(logs.mean())
    logs -= mean
    deviation = float(np.sqrt(np.mean(np.square(logs))))
    if deviation <= ROUNDING * abs(mean) or abs(_skew(logs, deviation)) > TAMED * distribution.skew:
        return None
    return {"unit": unit, "center": mean, "scale": deviation, "limit": LIMIT}


def _lopsided(distribution: Distribution) -> bool:
    upper, lower = distribution.high - distribution.median, distribution.median - distribution.low
    return upper > LOPSIDED * lower or distribution.median == distribution.minimum


def _fit_robust(values: Values, distribution: Distribution) -> dict[str, float] | None:
    spread = distribution.spread
    furthest = max(distribution.maximum - distribution.median, distribution.median - distribution.minimum)
    if not 0 < HEAVY_TAILED * spread < distribution.deviation or furthest < FAR_OUT * spread:
        return None
    return {"center": distribution.median, "scale": distribution.spread, "limit": HEAVY_LIMIT}


def _fit_standard(values: Values, distribution: Distribution) -> dict[str, float]:
    return {"center": distribution.mean, "scale": distribution.deviation, "limit": LIMIT}


def _quantile(values: Values, share: float) -> float:
    """Same as numpy's linear quantile, in a third of the time."""
    return float(pl.Series(values).quantile(share, "linear") or 0.0)


def _skew(centred: Values, deviation: float) -> float:
    standardised = centred / deviation
    return float(np.mean(np.square(standardised) * standardised))


SCALINGS: Mapping[str, Scaling] = {
    "constant": Scaling(_fit_constant, _zeros, ("limit",)),
    "log": Scaling(_fit_log, _log_affine, ("unit", "center", "scale", "limit")),
    "robust": Scaling(_fit_robust, _affine, ("center", "scale", "limit")),
    "standard": Scaling(_fit_standard, _affine, ("center", "scale", "limit")),
}
