from __future__ import annotations

import numpy as np
import pytest

from goodfit.evaluation.power_law import fit_power_law, forecast

SIZES = [50, 100, 200, 400, 800]
RANDOM = np.random.default_rng(0)


def noisy(law, spread=0.02, trainings=4):
    return [law(size) * (1 + spread * RANDOM.normal(size=trainings)) for size in SIZES]


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.1, 2.0, 0.5), (0.0, 1.0, 0.3), (0.3, 0.0, 1.0)])
def test_a_law_is_found_again(floor, scale, exponent):
    rows = np.array(SIZES, dtype=float)
    law = fit_power_law(rows, floor + scale * rows**-exponent)
    expected = floor + scale * 1600.0**-exponent
    assert float(law(1600)) == pytest.approx(expected, rel=0.01)
    assert law.floor >= 0
    assert law.scale >= 0


def test_the_interval_holds_what_more_rows_bring():
    inside = 0
    for _ in range(40):
        told = forecast(SIZES, noisy(lambda size: 0.1 + 2 * size**-0.5), 1600)
        inside += told.error.low <= 0.15 <= told.error.high
        assert told.gain.value == pytest.approx(0.0207, abs=0.03)
    assert inside >= 34


def test_where_rows_bring_nothing_the_gain_has_zero_in_it():
    told = forecast(SIZES, noisy(lambda size: 0.4), 1600)
    assert told.gain.low <= 0.001
    assert told.gain.value < 0.02


def test_errors_that_grow_with_the_rows_promise_nothing():
    told = forecast(SIZES, noisy(lambda size: 0.3 + size / 1e4), 1600)
    assert told.gain.value == 0
