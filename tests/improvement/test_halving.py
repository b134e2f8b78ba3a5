from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from goodfit.improvement.halving import Halving, rungs_of


def test_a_lone_trial_goes_on_until_better_ones_are_known():
    halving = Halving(9, 3, higher=False)
    assert halving.drop(3, {0: 0.5}) == set()
    assert halving.drop(3, {1: 0.4}) == set()
    assert halving.drop(3, {2: 0.6}) == {2}
    assert halving.drop(2, {2: 0.6}) == set()


def test_those_without_a_value_go_first():
    assert Halving(9, 2, higher=True).drop(4, {0: math.nan, 1: 0.1, 2: math.nan, 3: 0.9}) == {0, 2}
    assert Halving(9, 2, higher=True).drop(4, {0: math.nan}) == {0}


@given(st.dictionaries(st.integers(0, 99), st.floats(-9, 9), min_size=1), st.integers(2, 5), st.booleans())
def test_the_best_part_goes_on(values, factor, higher):
    rung = rungs_of(100, factor)[0]
    dropped = Halving(100, factor, higher=higher).drop(rung, values)
    kept = [value for place, value in values.items() if place not in dropped]
    assert len(kept) >= math.ceil(len(values) / factor)
    gone = [values[place] for place in dropped]
    if gone:
        assert min(kept) > max(gone) if higher else max(kept) < min(gone)


@given(st.integers(1, 1000), st.integers(2, 6))
def test_rungs_are_apart_by_the_factor_and_never_at_once(epochs, factor):
    rungs = rungs_of(epochs, factor)
    assert all(3 <= rung < epochs for rung in rungs)
    assert all(later // factor == earlier for earlier, later in pairwise(rungs))
