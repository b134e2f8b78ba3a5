from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from goodfit.data.analysis.associations import missing_that_tells, same_pairs, target_associations

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=2000)


def test_a_copy_tells_all_noise_nothing_and_a_step_its_part():
    target = pl.Series("y", X > 0)
    columns = [
        pl.Series("copy", X > 0),
        pl.Series("number", X),
        pl.Series("noise", RANDOM.normal(size=2000)),
        pl.Series("ids", [f"id {place}" for place in range(2000)]),
        pl.Series("half", np.where(RANDOM.random(2000) < 0.5, X > 0, RANDOM.random(2000) < 0.5)),
    ]
    found = target_associations(columns, target)
    assert found["copy"] == pytest.approx(1)
    assert found["number"] > 0.9
    assert found["noise"] < 0.01
    assert found["ids"] == 0
    assert 0.1 < found["half"] < 0.3


def test_a_number_in_few_rows_still_tells():
    gain = np.where(RANDOM.random(2000) < 0.04, RANDOM.uniform(1, 9, 2000), 0.0)
    assert target_associations([pl.Series("gain", gain)], pl.Series("y", gain > 0))["gain"] > 0.9


def test_pairs_that_say_the_same():
    columns = [
        pl.Series("x", X),
        pl.Series("cube", X**3),
        pl.Series("minus", -X),
        pl.Series("other", RANDOM.normal(size=2000)),
        pl.Series("code", (np.arange(2000) % 4).astype(np.int64)),
        pl.Series("name", [f"level {place % 4}" for place in range(2000)]),
        pl.Series("finer", [f"level {place % 8}" for place in range(2000)]),
    ]
    found = {(pair.first, pair.second): pair for pair in same_pairs(columns)}
    assert found.keys() == {("x", "cube"), ("x", "minus"), ("cube", "minus"), ("code", "name")}
    assert found["x", "minus"].value == pytest.approx(-1)
    assert found["code", "name"].measure == "shared"
    assert same_pairs(columns[:1]) == ()


def test_pairs_where_values_are_missing():
    holes = pl.Series("holes", [None if place % 3 == 0 else value for place, value in enumerate(X)])
    few = pl.Series("few", [value if place % 3 == 0 else None for place, value in enumerate(X)])
    assert [pair.second for pair in same_pairs([pl.Series("x", X), holes])] == ["holes"]
    assert not same_pairs([pl.Series("x", X), few])


def test_missing_values_that_tell():
    target = pl.Series("y", X > 0)
    telling = pl.Series("telling", [None if value > 0.5 else 1.0 for value in X])
    by_chance = pl.Series("chance", [None if value < 0.3 else 1.0 for value in RANDOM.random(2000)])
    assert [name for name, _ in missing_that_tells([telling, by_chance], target)] == ["telling"]
