from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.diagnosis.curves_for_tests import converged, falling, noisy, overfitted, time

from goodfit.diagnosis.curves import curve_of
from goodfit.diagnosis.traits import TRAITS, swing, traits
from goodfit.observations import History


def curve(values):
    found = curve_of(History({"valid_loss": np.asarray(values, float)}), "valid_loss")
    assert found is not None
    return found


def of(train, valid, **known):
    return traits(curve(valid), curve(train), **known)


def test_traits_come_in_their_order_whatever_is_known():
    train, valid = converged(30)
    assert tuple(of(train, valid)) == tuple(traits(curve(valid))) == TRAITS


def test_what_is_not_known_is_nan():
    found = traits(curve(converged(30)[1]))
    unknown = {name for name, value in found.items() if math.isnan(value)}
    assert unknown == {name for name in TRAITS if name.startswith(("train_", "gap"))} | {
        "rate_left",
        "valid_rows",
    }


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([converged, falling, overfitted]), st.floats(1e-3, 1e3), st.integers(0, 3))
def test_the_unit_changes_no_trait(kind, factor, seed):
    train, valid = (noisy(values, 0.01, seed) for values in kind())
    one, other = of(train, valid), of(factor * train, factor * valid)
    assert list(one.values()) == pytest.approx(list(other.values()), rel=1e-5, abs=1e-6, nan_ok=True)


def test_a_rise_is_measured_in_logarithms():
    train, valid = overfitted(60)
    found = of(train, valid)
    assert found["valid_rise"] == pytest.approx(math.log(valid[-1] / valid.min()), abs=0.02)
    assert found["valid_lowest_at"] == pytest.approx(math.log((valid.argmin() + 1) / 60), abs=0.1)
    assert found["train_fall_since_best"] > 0.5
    assert found["gap_growth_since_best"] > 0.5


def test_a_power_law_has_its_power_for_a_slope():
    found = of(time(80) ** -0.5, time(80) ** -0.7)
    assert found["valid_slope_half"] == pytest.approx(-0.7, abs=0.02)
    assert found["train_slope_half"] == pytest.approx(-0.5, abs=0.02)


def test_the_rate_that_is_left_and_the_rows():
    train, valid = converged(30)
    found = of(train, valid, rates=np.linspace(1, 0.1, 30), valid_rows=100)
    assert found["rate_left"] == pytest.approx(0.1)
    assert found["valid_rows"] == pytest.approx(math.log(100))


def test_losses_below_zero_are_measured_by_their_range():
    train, valid = converged(30)
    found = of(train - 1, valid - 1)
    assert all(
        math.isfinite(found[name])
        for name in TRAITS
        if name.startswith(("valid_s", "train_s", "valid_r")) and name != "valid_rows"
    )


def test_swing_is_the_mean_step_of_the_later_half():
    assert swing(curve(np.full(20, 2.0))) == 0
    assert swing(curve(np.tile([1.0, 1.2], 20))) == pytest.approx(0.2 / 1.1, rel=0.15)
