from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from profiles_for_tests import profile_of
from sklearn.impute import SimpleImputer

from goodfit.data.fitting import fit_preparation
from goodfit.data.preparation import BooleanColumn, CategoryColumn, DatetimeColumn, NumberColumn, Preparation
from goodfit.data.table import ColumnKind
from goodfit.errors import InputError


def fit(kind: ColumnKind, values: pl.Series, rows: np.ndarray | None = None) -> object:
    frame = pl.DataFrame({"x": values, "y": np.arange(len(values)) / 3})
    rows = np.arange(len(values)) if rows is None else rows
    (column,) = fit_preparation(frame, profile_of({"x": kind}), rows).columns
    return column


def fit_number(values: pl.Series, rows: np.ndarray | None = None) -> NumberColumn:
    column = fit("number", values, rows)
    assert isinstance(column, NumberColumn)
    return column


def fit_category(values: pl.Series, rows: np.ndarray | None = None) -> CategoryColumn:
    column = fit("category", values, rows)
    assert isinstance(column, CategoryColumn)
    return column


def everything(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "number": pl.Series(np.where(random.random(rows) < 0.1, np.nan, random.gamma(1, 5, rows))),
            "flag": random.random(rows) < 0.5,
            "moment": pl.Series(random.integers(0, 10**9, rows) * 10**6).cast(pl.Datetime("us")),
            "category": random.choice(list("abcdefgh"), rows),
            "y": random.normal(size=rows),
        }
    )


PROFILE = profile_of({"number": "number", "flag": "boolean", "moment": "datetime", "category": "category"})


def test_only_training_rows_are_looked_at() -> None:
    rows = np.flatnonzero(np.random.default_rng(1).random(400) < 0.6)
    frame, other = everything(400, 0), everything(400, 99)
    mask = np.isin(np.arange(400), rows)
    changed = pl.DataFrame([frame[name].zip_with(pl.Series(mask), other[name]) for name in frame.columns])
    changed = changed.with_columns(
        category=pl.when(pl.Series(mask)).then("category").otherwise(pl.lit("new"))
    )
    fitted = fit_preparation(frame, PROFILE, rows)
    assert fit_preparation(changed, PROFILE, rows) == fitted
    assert fit_preparation(frame, PROFILE, np.arange(400)) != fitted
    assert fitted.rows == len(rows)


def test_the_fill_is_scikit_learns_median() -> None:
    values = np.array([3.0, 1, np.nan, 10, 7, np.inf, -np.inf])
    expected = SimpleImputer(strategy="median").fit(np.where(np.isfinite(values), values, np.nan)[:, None])
    column = fit_number(pl.Series(values))
    assert column.fill == expected.statistics_[0]
    assert column.missing == 3


@pytest.mark.parametrize(
    ("missing", "rows", "indicator"),
    [
        (0, 100, False),
        (4, 100, False),
        (5, 100, True),
        (9, 1_000, False),
        (10, 1_000, True),
        (100, 100, False),
    ],
)
def test_indicator_where_missing_is_frequent_enough(missing: int, rows: int, indicator: bool) -> None:
    values = pl.Series([None] * missing + list(range(rows - missing)), dtype=pl.Float64)
    assert fit_number(values).indicator is indicator


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Int64, pl.Null])
def test_a_column_without_values_learns_to_contribute_nothing(dtype: type[pl.DataType]) -> None:
    column = fit_number(pl.Series([None] * 10, dtype=dtype))
    assert (column.scaling, column.fill, column.missing, column.indicator) == ("constant", 0.0, 10, False)


def test_levels_by_falling_frequency_rare_ones_apart() -> None:
    values = pl.Series(["b"] * 5 + ["a"] * 3 + ["c"] * 3 + ["once"] + [None] * 4)
    for series in (values, values.cast(pl.Categorical)):
        column = fit_category(series)
        assert column.levels == ("b", None, "a", "c")
        assert (column.rare, column.minimum, column.missing) == (("once",), 2, 4)


@pytest.mark.parametrize(("rows", "minimum"), [(10, 2), (1_000, 2), (2_500, 5), (100_000, 10)])
def test_rows_that_a_level_needs(rows: int, minimum: int) -> None:
    assert fit_category(pl.Series(["a"] * rows)).minimum == minimum


def test_numbers_as_categories_are_spelled_alike() -> None:
    for values in ([1, 1, 2, 2], [1.0, 1.0, 2.0, 2.0], ["1", "1", "2", "2"]):
        assert fit_category(pl.Series(values)).levels == ("1", "2")
    assert fit_category(pl.Series([1.5, 1.5, float("nan"), None])).levels == ("1.5", None)
    assert fit_category(pl.Series([True, True, False, False])).levels == ("false", "true")


def test_boolean_counts_missing() -> None:
    assert fit("boolean", pl.Series([True, False, None] * 5)) == BooleanColumn("x", 5, True)


def test_only_cycles_that_vary() -> None:
    hours = pl.datetime_range(pl.datetime(2020, 5, 4), pl.datetime(2020, 5, 4, 20), "1h", eager=True)
    column = fit("datetime", hours)
    assert isinstance(column, DatetimeColumn)
    assert column.cycles == ("hour",)
    assert column.elapsed.scaling == "standard"
    assert column.outputs == ("x", "x.hour.sin", "x.hour.cos")
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2021, 1, 1), "1d", eager=True)
    dates = fit("datetime", days)
    assert isinstance(dates, DatetimeColumn)
    assert dates.cycles == ("month", "day", "weekday")


def test_elapsed_time_is_never_logarithmic() -> None:
    days = pl.Series((np.random.default_rng(0).exponential(1_000, 500) * 86_400e6).astype(np.int64))
    column = fit("datetime", days.cast(pl.Datetime("us")))
    assert isinstance(column, DatetimeColumn)
    assert column.elapsed.scaling == "standard"


def test_names_and_levels_follow_the_columns() -> None:
    prepared: Preparation = fit_preparation(everything(300, 0), PROFILE, np.arange(300))
    assert prepared.number_names[:3] == ("number", "number.missing", "flag")
    assert prepared.number_names[3:5] == ("moment", "moment.month.sin")
    assert prepared.category_names == ("category",)
    assert prepared.levels == (9,)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="'z'"):
        fit_preparation(everything(30, 0), profile_of({"z": "number"}), np.arange(30))


def test_no_training_rows_are_refused() -> None:
    with pytest.raises(InputError, match="no training rows"):
        fit_preparation(everything(30, 0), PROFILE, np.arange(0))


def test_a_told_scaling_is_taken_and_others_are_chosen() -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=200), "b": random.normal(size=200), "y": np.arange(200.0)})
    profile = profile_of({"a": "number", "b": "number"})
    told = fit_preparation(frame, profile, np.arange(100), scale={"a": "quantile", "y": "log"})
    a, b = told.columns
    assert isinstance(a, NumberColumn)
    assert isinstance(b, NumberColumn)
    assert (a.scaling, b.scaling) == ("quantile", "standard")
    assert told.target.columns[0].scaling == "log"  # type: ignore[union-attr]
    assert max(a.parameters["quantiles"]) <= frame["a"][:100].max()  # type: ignore[type-var, operator]


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        ({"c": "log"}, r"scale names 'c', .* those are 'a', 'y'"),
        ({"z": "log"}, "scale names 'z'"),
        ({"y": "robust"}, "target 'y' cannot be scaled by robust"),
    ],
)
def test_a_scaling_of_what_is_no_number_is_refused(scale: dict[str, str], words: str) -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "c": ["x", "y"], "y": [1.0, 2.0]})
    with pytest.raises(InputError, match=words):
        fit_preparation(frame, profile_of({"a": "number", "c": "category"}), np.arange(2), scale=scale)
