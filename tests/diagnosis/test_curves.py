from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.diagnosis.curves_for_tests import noisy, time

from goodfit.diagnosis.curves import MOST_POINTS, curve_of, extrapolate, level_from, noise, smooth, thin
from goodfit.observations import History


def curve(values, epochs=None):
    epochs = np.arange(1.0, len(values) + 1) if epochs is None else epochs
    found = curve_of(History({"epoch": epochs, "valid_loss": np.asarray(values, float)}), "valid_loss")
    assert found is not None
    return found


def test_smoothing_brings_a_noisy_curve_nearer_to_the_true_one():
    true = 0.3 + np.exp(-time(100) / 10)
    for seed in range(5):
        measured = noisy(true, 0.03, seed)
        assert np.std(smooth(measured)[5:] - true[5:]) < 0.7 * np.std(measured[5:] - true[5:])


def test_smoothing_leaves_a_clean_curve_nearly_as_it_is():
    true = 0.3 + np.exp(-time(100) / 10)
    assert np.abs(smooth(true) / true - 1).max() < 0.01


def test_smoothing_is_not_moved_by_one_outlier():
    true = 0.3 + np.exp(-time(60) / 10)
    struck = true.copy()
    struck[40] *= 5
    assert np.abs(smooth(struck) / true - 1)[5:].max() < 0.05


@pytest.mark.parametrize("share", [0.003, 0.01, 0.05])
def test_noise_is_measured_beside_a_trend(share):
    true = 1 + time(200) ** -0.5
    measured = [noise(noisy(true, share, seed)) / np.mean(true[100:]) for seed in range(10)]
    assert np.median(measured) == pytest.approx(share, rel=0.3)


def test_noise_of_a_clean_or_short_curve_is_nothing():
    assert noise(np.linspace(2, 1, 50)) == pytest.approx(0, abs=1e-12)
    assert noise(np.array([2.0, 1.0])) == 0


def test_missing_values_and_unordered_epochs_are_seen_through():
    values = np.array([3, np.nan, 2, 1.5, np.inf, 1.2])
    found = curve(values)
    assert found.epochs.tolist() == [1, 3, 4, 6]
    assert curve(np.array([3.0, 2, 1]), epochs=np.array([2.0, 1, 1])).epochs.tolist() == [1, 2, 3]
    assert curve_of(History({"valid_loss": np.full(3, np.nan)}), "valid_loss") is None
    assert curve_of(History({}), "valid_loss") is None


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5000), st.integers(3, 300))
def test_thinning_keeps_the_number_within_bounds_and_the_order(count, most):
    epochs, values = thin(np.arange(count, dtype=float), np.arange(count, dtype=float), most)
    assert len(epochs) == len(values) <= max(most, 1)
    assert (np.diff(epochs) > 0).all()
    assert epochs[0] == 0
    if count <= most:
        assert len(epochs) == count


def test_a_long_curve_is_thinned():
    assert len(curve(1 + time(100_000) ** -0.5)) <= MOST_POINTS


def test_the_level_begins_where_the_curve_stays_within_a_hundredth_of_its_lowest():
    found = curve(np.concatenate([np.linspace(2, 1, 21), np.full(40, 1.0)]))
    assert 18 <= found.epochs[level_from(found, 0.01)] <= 24


@pytest.mark.parametrize("power", [0.3, 0.5, 1.0])
def test_a_power_law_is_continued(power):
    t = time(80)
    ahead = extrapolate(curve(0.2 + t**-power))
    assert ahead is not None
    assert ahead.expected == pytest.approx(0.2 + 320.0**-power, rel=0.05)


def test_an_exponential_that_has_levelled_out_promises_nothing():
    ahead = extrapolate(curve(0.2 + np.exp(-time(80) / 8)))
    assert ahead is not None
    assert ahead.probability(0.05) < 0.01
    assert ahead.expected == pytest.approx(0.2, rel=0.01)


def test_the_interval_widens_with_the_noise_and_mostly_holds_the_truth():
    true = 0.2 + time(320) ** -0.5
    held, widths = [], []
    for seed in range(30):
        ahead = extrapolate(curve(noisy(true[:80], 0.02, seed)))
        assert ahead is not None
        widths.append(ahead.high - ahead.low)
        held.append(ahead.low <= true[-1] <= ahead.high)
    clean = extrapolate(curve(true[:80]))
    assert clean is not None
    assert np.mean(held) > 0.75
    assert np.median(widths) > clean.high - clean.low


def test_too_few_points_are_not_extrapolated():
    assert extrapolate(curve([3.0, 2.0, 1.5, 1.2])) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 5))
def test_extrapolation_does_not_depend_on_the_unit(factor, seed):
    values = noisy(0.2 + time(50) ** -0.5, 0.01, seed)
    one, other = extrapolate(curve(values)), extrapolate(curve(values * factor))
    assert one is not None
    assert other is not None
    assert other.expected == pytest.approx(factor * one.expected, rel=1e-6)
    assert other.probability(0.05) == pytest.approx(one.probability(0.05), abs=1e-6)
