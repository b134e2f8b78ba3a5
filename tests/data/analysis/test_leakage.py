from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from goodfit.data.analysis.leakage import sum_of_columns, tellers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=1000)
Y = RANDOM.exponential(size=1000)


def names(columns: dict, target, *, classes: bool) -> list[str]:
    series = [pl.Series(name, values, strict=False) for name, values in columns.items()]
    return [teller.name for teller in tellers(series, pl.Series("y", target), classes=classes)]


def test_columns_that_say_the_class():
    label = np.where(X > 0, "yes", "no")
    columns = {
        "score": X,
        "code": [{"yes": "A7", "no": "Q2"}[each] for each in label],
        "flag": X > 0,
        "hint": X + RANDOM.normal(size=1000),
        "noise": Y,
        "ids": [f"id {place}" for place in range(1000)],
        "holes": [None if value > 0 else 1.0 for value in X],
    }
    assert set(names(columns, label, classes=True)) == {"score", "code", "flag", "holes"}


def test_always_saying_the_frequent_class_is_no_leak():
    rare = np.arange(1000) % 50 == 0
    assert names({"noise": X, "group": np.arange(1000) % 7}, rare, classes=True) == []
    assert names({"is": rare, "noise": X}, rare, classes=True) == ["is"]


def test_columns_that_say_the_number():
    columns = {"rate": 3 * Y + 1, "log": np.log(Y), "near": Y + 0.02 * X, "hint": Y + X, "noise": X}
    assert set(names(columns, Y, classes=False)) == {"rate", "log", "near"}
    assert names({"x": X[:20]}, Y[:20], classes=False) == []


def test_numbers_that_add_up():
    columns = [
        pl.Series(name, values) for name, values in (("noise", X), ("a", Y), ("b", X**2), ("c", Y * X))
    ]
    found = sum_of_columns(columns, pl.Series("y", 5 + Y + 2 * X**2))
    assert found is not None
    assert found.names == ("a", "b")
    assert found.weights == pytest.approx((1, 2))
    three = sum_of_columns(columns, pl.Series("y", Y - X**2 + Y * X))
    assert three is not None
    assert three.names == ("a", "b", "c")
    assert sum_of_columns(columns, pl.Series("y", Y + 0.2 * RANDOM.normal(size=1000))) is None
    assert sum_of_columns([columns[0], columns[0].alias("again")], pl.Series("y", Y)) is None
