from __future__ import annotations

import math

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.analysis.distributions import analyze_column, outlier_bounds, suspicious_values
from goodfit.data.analysis.results import ColumnAnalysis
from goodfit.data.profile import describe_columns

RANDOM = np.random.default_rng(0)
PLAIN = RANDOM.normal(50, 10, 2000).round(1)


def looked_at(values, name: str = "x", told: str = "number") -> tuple[pl.Series, ColumnAnalysis]:
    series = pl.Series(name, values, strict=False)
    return series, analyze_column(series, describe_columns(series.to_frame(), {name: told})[0])


def remarks(values, told: str = "number") -> dict[str, dict]:
    series, analysis = looked_at(values, told=told)
    return {each.code.rpartition(".")[2]: dict(each.values) for each in suspicious_values(series, analysis)}


@given(st.lists(st.floats(-1e12, 1e12) | st.none(), min_size=1, max_size=80))
def test_every_known_value_is_counted_once(values):
    _, analysis = looked_at([*values, 1.0, 2.0])
    shape = analysis.histogram
    known = sum(value is not None for value in values) + 2
    if shape is not None:
        assert sum(shape.counts) + shape.below + shape.above == known
        assert len(shape.edges) == len(shape.counts) + 1


@given(st.lists(st.sampled_from([0, 1, -1, 9, 99, -999, 3.5, 1e9, None]), min_size=3, max_size=60))
def test_looking_for_errors_never_fails(values):
    remarks([*values, 1.0])


def test_normal_exponential_and_uniform_numbers_have_no_outliers():
    for draw in (RANDOM.normal, RANDOM.exponential, RANDOM.uniform):
        assert looked_at(draw(size=20_000))[1].outliers is None


def test_outliers_are_counted_in_all_rows_the_farthest_first():
    values = np.concatenate([RANDOM.normal(size=300_000), [100.0, -300.0, 100.0]])
    outliers = looked_at(values)[1].outliers
    assert outliers is not None
    assert (outliers.count, outliers.examples) == (3, (-300.0, 100.0))
    assert outliers.low is not None
    assert -9 < outliers.low < -7
    one_side = looked_at(np.concatenate([RANDOM.normal(size=1000), [100.0]]))[1].outliers
    assert one_side is not None
    assert one_side.low is None
    assert outlier_bounds({"5": 0.0, "50": 0.0, "95": 2.0}) == (-math.inf, 10.0)


def test_a_code_at_the_end_is_noticed():
    assert remarks([*PLAIN, 999, 999])["code"]["value"] == "999"
    assert remarks([*PLAIN, -1, -1])["code"] | {"other": ""} == {
        "column": "x", "rows": 2002, "value": "-1", "count": 2, "other": "",
    }  # fmt: skip
    assert remarks([*PLAIN, *(PLAIN - 200), -999, -999])["code"]["value"] == "-999"
    assert "code" not in remarks([*PLAIN, 99.0])
    assert "code" not in remarks(RANDOM.integers(0, 100, 3000))
    assert "code" not in remarks(RANDOM.integers(-5, 5, 3000))


def test_zeros_far_below_the_rest_are_noticed_and_natural_ones_are_not():
    assert remarks([*PLAIN, *[0] * 20])["zeros"]["count"] == 20
    assert "zeros" not in remarks(RANDOM.poisson(3, 2000))
    assert "zeros" not in remarks(RANDOM.exponential(size=2000).round(2))
    assert "zeros" not in remarks([*PLAIN, *[0] * 3000])


def test_a_pile_at_the_end_is_noticed():
    capped = np.minimum(RANDOM.normal(50, 10, 5000), 60)
    assert remarks(capped)["cut-off-largest"]["value"] == "60"
    assert remarks(-capped)["cut-off-smallest"]["value"] == "-60"
    assert not remarks(PLAIN)
    assert not remarks(RANDOM.integers(0, 200, 5000))


def test_what_is_said_of_a_long_column_holds_for_every_row():
    values = np.concatenate([RANDOM.uniform(50, 100, 300_000), np.zeros(3000), [9.0]])
    assert remarks(RANDOM.permutation(values))["zeros"]["smallest"] == "9"


def test_categories_that_differ_by_case_or_blanks():
    found = remarks(["New York", "new  york", "NEW-YORK", "Paris"] * 5, told="category")["alike"]
    assert found["count"] == 1
    assert not remarks(["a", "b"] * 10, told="category")


def test_levels_and_rare_ones():
    _, analysis = looked_at(["a"] * 600 + ["b"] * 399 + ["c"], told="category")
    assert analysis.levels == (("a", 600), ("b", 399), ("c", 1))
    assert (analysis.rare_levels, analysis.rare_rows) == (1, 1)
    series = pl.Series("x", ["Sí", "No", "No"])
    column = describe_columns(series.to_frame(), {})[0]
    boolean = analyze_column(pl.Series("x", [True, False, False]), column)
    assert boolean.levels == (("No", 2), ("Sí", 1))


def test_few_numbers_are_counted_one_by_one_and_moments_by_intervals():
    assert looked_at([3, 1, 3])[1].levels == (("3", 2), ("1", 1))
    days = pl.Series("day", pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 12, 31), eager=True)).cast(
        pl.Datetime("us")
    )
    shape = analyze_column(days, describe_columns(days.to_frame(), {})[0]).histogram
    assert shape is not None
    assert (shape.edges[0], shape.edges[-1], sum(shape.counts)) == ("2020-01-01", "2020-12-31", 366)
