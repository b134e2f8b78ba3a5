from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles_for_tests import profile_of

import goodfit
from goodfit.data.applying import apply_preparation
from goodfit.data.describing import describe
from goodfit.data.distribution import measure
from goodfit.data.fitting import fit_preparation
from goodfit.data.outliers import fit_outliers, without_outliers
from goodfit.data.preparation import NumberColumn, OutlierRule, Preparation


def values(rows: int = 400) -> np.ndarray:
    found = np.random.default_rng(0).normal(100, 10, rows)
    found[[3, 50]] = 1e6, -1e5
    return found


def fitted(treatment: str, data: np.ndarray | None = None) -> tuple[Preparation, NumberColumn]:
    frame = pl.DataFrame({"x": values() if data is None else data, "y": np.arange(400.0)})
    preparation = fit_preparation(frame, profile_of({"x": "number"}), np.arange(300), outliers=treatment)
    (column,) = preparation.columns
    assert isinstance(column, NumberColumn)
    return preparation, column


def test_by_default_nothing_is_done():
    assert fitted("keep")[1].outliers is None


def test_clipped_values_become_the_bounds_and_new_ones_too():
    preparation, column = fitted("clip")
    rule = column.outliers
    assert rule is not None
    assert (rule.treatment, rule.count) == ("clip", 2)
    assert rule.low is not None
    assert rule.high is not None
    assert 100 - 8 * 10 * 1.2 < rule.low < 60
    new = pl.DataFrame({"x": [1e30, rule.high, 100.0, -1e30, rule.low]})
    numbers = apply_preparation(preparation, new).numbers[:, 0]
    assert numbers[0] == numbers[1]
    assert numbers[3] == numbers[4]
    assert np.abs(numbers).max() < 15


def test_missing_ones_are_filled_as_missing_values_are():
    preparation, column = fitted("missing")
    new = pl.DataFrame({"x": [1e6, None, 100.0]})
    numbers = apply_preparation(preparation, new).numbers
    assert (numbers[0] == numbers[1]).all()
    assert (column.missing, column.outliers.count) == (0, 2)
    assert column.scaling == "standard"  # what is left is normal


def test_only_training_rows_count():
    data = values()
    data[350] = 1e9
    assert fitted("clip", data)[1] == fitted("clip")[1]


def test_columns_of_few_values_have_no_outliers():
    data = np.where(np.arange(400) % 100 == 0, 50.0, np.arange(400) % 2)
    assert fitted("clip", data)[1].outliers is None


def test_enough_of_them_get_an_indicator():
    data = values()
    data[:300:30] = 1e6
    assert fitted("missing", data)[1].indicator
    assert not fitted("clip", data)[1].indicator


def test_the_rule_survives_json_and_is_said():
    preparation, _ = fitted("missing")
    assert Preparation.from_json(preparation.to_json()) == preparation
    said = [note.message.text() for note in describe(preparation)]
    assert any(text.startswith("2 values beyond") and "count as missing" in text for text in said)
    said = [note.message.text("es") for note in describe(fitted("clip")[0])]
    assert any("se recortaron" in text for text in said)


@given(st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_what_lies_within_stays_as_it_is(numbers):
    given_values = np.array(numbers)
    rule = OutlierRule("clip", -100.0, 1e3, 0)
    for treatment in ("clip", "missing"):
        changed = without_outliers(given_values, OutlierRule(treatment, rule.low, rule.high, 0))
        inside = (given_values >= -100) & (given_values <= 1000)
        assert (changed[inside] == given_values[inside]).all()
        beyond = changed[~inside & ~np.isnan(given_values)]
        assert np.isnan(beyond).all() if treatment == "missing" else np.isin(beyond, (-100, 1000)).all()


def test_a_side_where_the_percentile_is_the_median_has_no_bound():
    data = np.concatenate([np.zeros(200), np.arange(1.0, 60)])
    rule = fit_outliers(data, measure(data), "clip")
    assert rule is not None
    assert rule.low is None


def test_the_recipe_carries_it_through_training_saving_and_predicting(tmp_path):
    random = np.random.default_rng(1)
    x = random.normal(size=200)
    frame = pl.DataFrame({"x": x, "y": 2 * x})
    frame[7, "x"] = 1e9
    run = goodfit.train(frame, target="y", outliers="missing", epochs=2, hidden=(4,), folder=tmp_path / "run")
    assert run.recipe.outliers == "missing"
    known = goodfit.load(tmp_path / "run")
    assert known.recipe.outliers == "missing"
    predicted = known.predict({"x": [1e9, None, 0.0]})["prediction"]
    assert predicted[0] == predicted[1]
    with pytest.raises(ValueError, match="outliers is 'drop'"):
        goodfit.Recipe(outliers="drop")
