from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from goodfit.evaluation.paired import bootstrap_p, holm, mcnemar, paired_t

RANDOM = np.random.default_rng(0)


def test_the_paired_t_test_is_scipys():
    first, second = RANDOM.normal(size=8), RANDOM.normal(0.4, size=8)
    found = paired_t(first, second)
    theirs = stats.ttest_rel(second, first)
    assert found.p == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert found.pairs == 8


def test_folds_that_share_their_training_rows_are_less_sure():
    first, second = RANDOM.normal(size=5), RANDOM.normal(1.0, size=5)
    plain, corrected = paired_t(first, second), paired_t(first, second, test_share=0.25)
    assert corrected.p > plain.p
    wide = corrected.difference.high - corrected.difference.low
    assert wide == pytest.approx(1.5 * (plain.difference.high - plain.difference.low))


def test_what_is_no_number_or_alone_is_left_out():
    assert paired_t([1.0, math.nan], [2.0, 1.0]) is None
    assert paired_t([1.0, 1.0], [1.0, 1.0]).p == 1.0
    assert paired_t([1.0, 1.0], [2.0, 2.0]).p == 0.0


def test_mcnemar_is_the_binomial_test_of_the_rows_that_differ():
    first, second = RANDOM.random(200) < 0.7, RANDOM.random(200) < 0.8
    only_first, only_second, p = mcnemar(first, second)
    assert p == pytest.approx(stats.binomtest(only_first, only_first + only_second).pvalue)
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_a_p_value_by_resampling_never_claims_more_than_the_resamples_can_tell():
    assert bootstrap_p(5.0, RANDOM.normal(size=999)) == pytest.approx(0.002)
    assert bootstrap_p(0.0, RANDOM.normal(size=999)) > 0.8
    assert math.isnan(bootstrap_p(math.nan, np.zeros(3)))


def test_several_p_values_are_corrected_and_those_unknown_are_left():
    assert holm([0.5]) == [0.5]
    adjusted = holm([0.2, math.nan, 0.01])
    assert adjusted[0] == pytest.approx(0.2)
    assert math.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.02)
