"""Scalings of numbers: which one suits a column's distribution, what it learns, what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.data.distribution import LARGEST, ROUNDING, Distribution, quantile, skew

__all__ = ["SCALINGS", "Scaling", "choose_scaling", "fit_scaling", "scale", "soft_clip"]

Values = NDArray[np.float64]
Parameters = Mapping[str, Any]
Fitted = dict[str, Any]

SKEWED = 1.0
LOPSIDED = 1.5
TAMED = 2 / 3
HEAVY_TAILED = 1.5
FAR_OUT = 8.0
OFTEN_OUT = 0.05
SCORES = tuple(np.linspace(-3, 3, 25).tolist())
LIMIT = 5.0
HEAVY_LIMIT = 3.0


@dataclass(frozen=True)
class Scaling:
    """A way to bring a column to the size that networks learn from.

    Parameters
    ----------
    fit
        The parameters learned from values so distributed, which are not all the same; None where the
        scaling does not suit them, unless it is told. Those named ``scale``, ``unit`` and ``limit`` are
        above 0, ``quantiles`` rise and have a score each.
    transform
        Finite values to scaled ones, before `soft_clip`.
    parameters
        Names of the parameters, ``limit`` (of `soft_clip`) among them.
    """

    fit: Callable[[Values, Distribution, bool], Fitted | None]
    transform: Callable[[Values, Parameters], Values]
    parameters: tuple[str, ...]

    def accepts(self, parameters: Parameters) -> bool:
        """Whether these can be its parameters."""
        lists = {name: value for name, value in parameters.items() if isinstance(value, tuple)}
        if set(parameters) != set(self.parameters) or set(lists) != {*self.parameters} & {*LISTS}:
            return False
        points = lists.get("quantiles", (0.0,))
        rising = all(low < high for low, high in pairwise(points))
        as_long = len(points) == len(lists.get("scores", points)) > 0
        positive = [parameters[name] for name in ("scale", "unit", "limit") if name in parameters]
        return rising and as_long and all(value > 0 for value in positive)


def choose_scaling(
    values: Values, distribution: Distribution, *, zero_means_none: bool = True
) -> tuple[str, Fitted]:
    """Return the name and the parameters of the first scaling in `SCALINGS` that suits ``values``.

    - ``constant`` (zero for every value): nothing varies.
    - ``log``: no value is negative, the skew is above 1 and not the work of a few outliers (the upper
      nine tenths of the upper half span 1.5 times what those of the lower half do, or half of the values
      are the smallest), and ``log(1 + value / median of those above 0)`` takes a third of it away;
      standardised after.
    - ``quantile`` and ``robust``: heavy tails, the deviation is more than 1.5 times that of a normal
      distribution with the same 5th and 95th percentile, and some value is further than 8 of the latter from
      the median. Where more than 5 % of the values are further than 3 (of at most 10 %), by the quantiles at
      25 normal scores from -3 to 3, to which they are taken, on straight lines between them; where it is
      fewer, outliers, centred on the median and divided by the deviation that the percentiles suggest.
    - ``unit`` (the smallest value becomes 0, the largest 1): the deviation is tiny, nine tenths of the values
      are the same and most of the others are further than 5 deviations from the mean.
    - ``standard``: everything else; by mean and deviation.

    ``minmax`` (the smallest value becomes -1, the largest 1) is there to be told and never chosen: it makes
    bounded columns little more than half as large as the standardised ones beside them, and in 10 of 13
    trainings of an MLP, on five tables, that was worse, mostly by little. Where all columns are told so,
    it may be better (`benchmarks/scalings.py`).

    Where zero is only a convention, as in days since 1970, ``zero_means_none=False`` leaves out ``log``.

    References
    ----------
    LeCun et al., *Efficient BackProp*, 1998, for inputs of mean zero and equal size; scikit-learn's
    ``RobustScaler``, ``MinMaxScaler`` and ``QuantileTransformer``, which the tests compare with.
    """
    for name, scaling in SCALINGS.items():
        if name == "log" and not zero_means_none:
            continue
        parameters = scaling.fit(values, distribution, False)
        if parameters is not None:
            return name, parameters
    raise AssertionError("the last scaling suits everything")


def fit_scaling(name: str, values: Values, distribution: Distribution) -> tuple[str, Fitted]:
    """Return the scaling ``name`` fitted to ``values``, whatever they are; ``constant`` where none varies.

    Where nine tenths of the values are the same, ``robust`` divides by the deviation.
    """
    constant = SCALINGS["constant"].fit(values, distribution, False)
    if constant is not None:
        return "constant", constant
    parameters = SCALINGS[name].fit(values, distribution, True)
    assert parameters is not None
    return name, parameters


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
    scaled: Values = (values - parameters["center"]) / parameters["scale"]
    return scaled


def _log(values: Values, unit: float) -> Values:
    with np.errstate(over="ignore"):
        ratio = np.minimum(np.abs(values) / unit, LARGEST)
    return np.copysign(np.log1p(ratio), values)


def _zeros(values: Values, parameters: Parameters) -> Values:
    return np.zeros_like(values)


def _log_affine(values: Values, parameters: Parameters) -> Values:
    return _affine(_log(values, parameters["unit"]), parameters)


def _normal_scores(values: Values, parameters: Parameters) -> Values:
    scores: Values = np.interp(values, parameters["quantiles"], parameters["scores"])
    return scores


def _fit_constant(values: Values, distribution: Distribution, told: bool) -> Fitted | None:
    return {"limit": LIMIT} if distribution.constant else None


def _fit_minmax(values: Values, distribution: Distribution, told: bool) -> Fitted | None:
    center = distribution.minimum / 2 + distribution.maximum / 2
    half = distribution.maximum / 2 - distribution.minimum / 2
    if half <= 0 or not told:
        return None
    return {"center": center, "scale": half, "limit": LIMIT}


def _fit_log(values: Values, distribution: Distribution, told: bool) -> Fitted | None:
    skewed = distribution.minimum >= 0 and distribution.skew > SKEWED and _lopsided(distribution)
    if not (told or skewed):
        return None
    size = np.abs(values)
    unit = quantile(size[size > 0], 0.5)
    logs = _log(values, unit)
    mean = float(logs.mean())
    logs -= mean
    deviation = float(np.sqrt(np.mean(np.square(logs))))
    smallest = ROUNDING * abs(mean)
    if not told and (deviation <= smallest or abs(skew(logs, deviation)) > TAMED * distribution.skew):
        return None
    return {"unit": unit, "center": mean, "scale": max(deviation, smallest), "limit": LIMIT}


def _lopsided(distribution: Distribution) -> bool:
    upper, lower = distribution.high - distribution.median, distribution.median - distribution.low
    return upper > LOPSIDED * lower or distribution.median == distribution.minimum


def _heavy_tailed(distribution: Distribution) -> bool:
    spread = distribution.spread
    furthest = max(distribution.maximum - distribution.median, distribution.median - distribution.minimum)
    return 0 < HEAVY_TAILED * spread < distribution.deviation and furthest >= FAR_OUT * spread


def _fit_quantile(values: Values, distribution: Distribution, told: bool) -> Fitted | None:
    if not told:
        if not _heavy_tailed(distribution):
            return None
        out = np.abs(values - distribution.median) > HEAVY_LIMIT * distribution.spread
        if np.count_nonzero(out) <= OFTEN_OUT * len(values):
            return None
    shares = [NormalDist().cdf(score) for score in SCORES]
    points, places = np.unique(np.quantile(values, shares, method="inverted_cdf"), return_inverse=True)
    scores = np.bincount(places, SCORES) / np.bincount(places)
    return {"quantiles": tuple(points.tolist()), "scores": tuple(scores.tolist()), "limit": LIMIT}


def _fit_robust(values: Values, distribution: Distribution, told: bool) -> Fitted | None:
    if not (told or _heavy_tailed(distribution)):
        return None
    spread = distribution.spread or distribution.deviation
    return {"center": distribution.median, "scale": spread, "limit": HEAVY_LIMIT}


def _fit_unit(values: Values, distribution: Distribution, told: bool) -> Fitted | None:
    if not told:
        if distribution.spread > 0:
            return None
        others = values[values != distribution.median] - distribution.mean
        if np.count_nonzero(np.abs(others) > LIMIT * distribution.deviation) <= len(others) / 2:
            return None
    return {
        "center": distribution.minimum,
        "scale": min(distribution.maximum - distribution.minimum, LARGEST),
        "limit": LIMIT,
    }


def _fit_standard(values: Values, distribution: Distribution, told: bool) -> Fitted:
    return {"center": distribution.mean, "scale": distribution.deviation, "limit": LIMIT}


LISTS = ("quantiles", "scores")
AFFINE = ("center", "scale", "limit")
SCALINGS: Mapping[str, Scaling] = {
    "constant": Scaling(_fit_constant, _zeros, ("limit",)),
    "minmax": Scaling(_fit_minmax, _affine, AFFINE),
    "log": Scaling(_fit_log, _log_affine, ("unit", *AFFINE)),
    "quantile": Scaling(_fit_quantile, _normal_scores, (*LISTS, "limit")),
    "robust": Scaling(_fit_robust, _affine, AFFINE),
    "unit": Scaling(_fit_unit, _affine, AFFINE),
    "standard": Scaling(_fit_standard, _affine, AFFINE),
}
