"""Outliers: where they begin, learned from the training rows, and what becomes of them."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from goodfit.data.analysis.distributions import outlier_bounds
from goodfit.data.distribution import Distribution
from goodfit.data.preparation import OutlierRule

__all__ = ["OutlierTreatment", "fit_outliers", "without_outliers"]

OutlierTreatment = Literal["keep", "clip", "missing"]

FEW = 20
"""Different values up to which a column has no outliers, as in `goodfit.profile`."""

Values = NDArray[np.float64]


def fit_outliers(
    known: Values, distribution: Distribution, treatment: OutlierTreatment
) -> OutlierRule | None:
    """Return what is to be done with the outliers of a column; None where nothing is.

    They begin five times as far from the median as the 5th and the 95th percentile of the training rows.

    Parameters
    ----------
    known
        Finite training values.
    """
    if treatment == "keep" or len(np.unique(known[:: max(1, len(known) // 1000)])) <= FEW:
        return None
    quantiles = {"5": distribution.low, "50": distribution.median, "95": distribution.high}
    low, high = outlier_bounds(quantiles)
    count = int(np.count_nonzero((known < low) | (known > high)))
    known_low, known_high = (bound if math.isfinite(bound) else None for bound in (low, high))
    return OutlierRule(treatment, known_low, known_high, count)


def without_outliers(values: Values, rule: OutlierRule | None) -> Values:
    """Return ``values`` with those beyond the rule's bounds clipped to them, or NaN; others as they are.

    >>> without_outliers(np.array([-9.0, 1.0, np.nan]), OutlierRule("clip", -5.0, None, 1))
    array([-5.,  1., nan])
    """
    if rule is None:
        return values
    low = -math.inf if rule.low is None else rule.low
    high = math.inf if rule.high is None else rule.high
    if rule.treatment == "missing":
        return np.where((values < low) | (values > high), np.nan, values)
    return np.where(np.isfinite(values), np.clip(values, low, high), values)
