from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from goodfit.evaluation.spread import difference_of_means, spread_of


def test_a_single_value_has_no_deviation_and_none_has_no_spread():
    alone = spread_of([3.0, math.nan, math.inf])
    assert alone is not None
    assert (alone.count, alone.mean) == (1, 3.0)
    assert math.isnan(alone.deviation)
    assert math.isnan(alone.repeatability)
    assert alone.to_dict()["deviation"] is None
    assert spread_of([math.nan]) is None


def test_the_repeatability_limit_covers_19_of_20_differences():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(4000):
        values = rng.normal(size=10)
        limit = spread_of(values[:8].tolist()).repeatability
        covered.append(abs(values[8] - values[9]) < limit)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_the_interval_of_a_difference_is_that_of_welch():
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(1, 2, 9), rng.normal(0, 1, 5)
    found = difference_of_means(spread_of(ours.tolist()), spread_of(theirs.tolist()))
    known = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert math.isnan(difference_of_means(spread_of([1.0]), spread_of([1.0, 2.0])).low)
