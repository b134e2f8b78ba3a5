from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles_for_tests import profile_of
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from goodfit.data import applying
from goodfit.data.applying import apply_preparation
from goodfit.data.fitting import fit_preparation
from goodfit.data.preparation import Preparation
from goodfit.data.table import ColumnKind
from goodfit.errors import InputError

ROWS = 500
TRAIN = np.arange(0, ROWS, 2)


def fitted(kind: ColumnKind, values: Any, rows: np.ndarray | None = None) -> tuple[Preparation, pl.DataFrame]:
    frame = pl.DataFrame({"x": values, "y": np.arange(len(values)) / 3})
    rows = np.arange(len(values)) if rows is None else rows
    return fit_preparation(frame, profile_of({"x": kind}), rows), frame


def test_numbers_are_scikit_learns_on_every_row() -> None:
    values = np.random.default_rng(0).normal(100, 7, (ROWS, 2))
    frame = pl.DataFrame({"a": values[:, 0], "b": values[:, 1], "y": values[:, 0]})
    inputs = apply_preparation(
        fit_preparation(frame, profile_of({"a": "number", "b": "number"}), TRAIN), frame
    )
    expected = StandardScaler().fit(values[TRAIN]).transform(values)
    np.testing.assert_allclose(inputs.numbers, expected, rtol=1e-5, atol=1e-6)
    assert inputs.numbers.dtype == np.float32
    assert inputs.numbers.flags.c_contiguous
    assert inputs.categories.shape == (ROWS, 0)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
def test_codes_are_scikit_learns_infrequent_one_hot(dtype: type[pl.DataType]) -> None:
    random = np.random.default_rng(0)
    texts = random.zipf(1.5, ROWS) % 30
    values = pl.Series([f"level {text}" for text in texts]).cast(dtype)
    preparation, frame = fitted("category", values, TRAIN)
    inputs = apply_preparation(preparation, frame)
    (column,) = preparation.categories
    encoder = OneHotEncoder(
        min_frequency=column.minimum, handle_unknown="infrequent_if_exist", sparse_output=False
    ).fit(values.cast(pl.String).gather(TRAIN).to_numpy()[:, None])
    expected = encoder.transform(values.cast(pl.String).to_numpy()[:, None])
    ours = np.eye(preparation.levels[0])[inputs.categories[:, 0]]
    np.testing.assert_array_equal(ours.sum(axis=0)[0], expected[:, -1].sum())
    same = (ours[:, None, :] == ours[None, :, :]).all(axis=2)
    np.testing.assert_array_equal(same, (expected[:, None, :] == expected[None, :, :]).all(axis=2))
    assert inputs.categories.dtype == np.int32


def test_the_code_is_the_place_among_the_levels() -> None:
    preparation, _ = fitted("category", ["b", "b", "b", "a", "a", None, None, None, None, "rare"])
    new = pl.DataFrame({"x": ["a", "b", None, "rare", "new", "new"]})
    inputs = apply_preparation(preparation, new, "new.csv")
    assert inputs.categories[:, 0].tolist() == [3, 2, 1, 0, 0, 0]
    (note,) = inputs.notes
    assert note.values == {"count": 2, "column": "x", "distinct": 1, "values": ["new"]}
    assert "new" in note.text("es")


def test_missing_is_rare_where_training_had_none() -> None:
    preparation, _ = fitted("category", ["a", "a", "b", "b"])
    new = pl.DataFrame({"x": pl.Series([None, "a"], dtype=pl.String)})
    assert apply_preparation(preparation, new).categories[:, 0].tolist() == [0, 1]
    assert apply_preparation(preparation, pl.DataFrame({"x": [None, None]})).categories.tolist() == [[0], [0]]


def test_missing_numbers_become_the_median_and_are_indicated() -> None:
    values = [1.0, 2.0, 3.0, 4.0, None] * 20
    preparation, _ = fitted("number", values)
    inputs = apply_preparation(preparation, pl.DataFrame({"x": [None, math.nan, math.inf, -math.inf, 2.5]}))
    assert preparation.number_names == ("x", "x.missing")
    np.testing.assert_allclose(inputs.numbers[:, 0], 0, atol=1e-7)
    assert inputs.numbers[:, 1].tolist() == [1, 1, 1, 1, 0]


def test_booleans() -> None:
    preparation, _ = fitted("boolean", [True, False] * 20)
    inputs = apply_preparation(preparation, pl.DataFrame({"x": [True, None, False]}))
    assert inputs.numbers.tolist() == [[1], [0], [-1]]


def test_moments_turn_in_circles() -> None:
    hours = pl.datetime_range(datetime(2019, 1, 1), datetime(2020, 12, 31, 23), "1h", eager=True)
    preparation, _ = fitted("datetime", hours)
    new = pl.DataFrame({"x": [datetime(2020, 1, 6), datetime(2020, 4, 1, 6), None]})
    inputs = apply_preparation(preparation, new)
    by_name = dict(zip(preparation.number_names, inputs.numbers.T, strict=True))
    np.testing.assert_allclose(by_name["x.month.cos"], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(by_name["x.month.sin"], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(by_name["x.hour.sin"], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(by_name["x.weekday.cos"][0], 1, atol=1e-6)
    np.testing.assert_allclose(by_name["x"][2], 0, atol=1e-3)


def test_constant_in_training_contributes_zeros() -> None:
    preparation, frame = fitted("number", [7.0] * 10 + [8.0, 1e30], np.arange(10))
    assert not apply_preparation(preparation, frame).numbers.any()


def test_outliers_at_prediction_are_bounded() -> None:
    preparation, _ = fitted("number", np.random.default_rng(0).normal(size=100))
    huge = pl.DataFrame({"x": [1e30, -1.7e308, 1e4, 10.0]})
    numbers = apply_preparation(preparation, huge).numbers[:, 0]
    np.testing.assert_allclose(numbers[:3], [15, -15, 15])
    assert 5 < numbers[3] < 15


def test_blocks_of_rows_join_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"x": random.normal(size=ROWS), "c": random.choice(list("abc"), ROWS), "y": 1.0})
    preparation = fit_preparation(frame, profile_of({"x": "number", "c": "category"}), TRAIN)
    whole = apply_preparation(preparation, frame)
    monkeypatch.setattr(applying, "BLOCK", 7)
    blocks = apply_preparation(preparation, pl.concat([frame[:123], frame[123:]], rechunk=False))
    np.testing.assert_array_equal(blocks.numbers, whole.numbers)
    np.testing.assert_array_equal(blocks.categories, whole.categories)


def test_order_and_extra_columns_do_not_matter() -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=50), "b": random.normal(size=50), "y": 1.0})
    preparation = fit_preparation(frame, profile_of({"a": "number", "b": "number"}), np.arange(50))
    other = frame.select("b", extra=pl.lit("?"), a="a")
    np.testing.assert_array_equal(
        apply_preparation(preparation, other).numbers, apply_preparation(preparation, frame).numbers
    )


@pytest.mark.parametrize(
    ("kind", "values", "wrong"),
    [
        ("number", [1.0, 2.0], ["a", "b"]),
        ("boolean", [True, False], ["yes", "no"]),
        ("datetime", [datetime(2020, 1, 1), datetime(2021, 1, 1)], [1.0, 2.0]),
        ("category", ["a", "b"], [["a"], ["b"]]),
    ],
)
def test_another_type_is_refused(kind: ColumnKind, values: list[Any], wrong: list[Any]) -> None:
    preparation, _ = fitted(kind, values)
    with pytest.raises(InputError, match=r"'x' of new\.csv"):
        apply_preparation(preparation, pl.DataFrame({"x": wrong}), "new.csv")


def test_a_missing_column_is_named() -> None:
    preparation, _ = fitted("number", [1.0, 2.0])
    with pytest.raises(InputError, match=r"'x' is missing in new\.csv"):
        apply_preparation(preparation, pl.DataFrame({"z": [1]}), "new.csv")


MESSY: dict[ColumnKind, st.SearchStrategy[Any]] = {
    "number": st.none() | st.floats() | st.integers(-3, 3).map(float),
    "boolean": st.none() | st.booleans(),
    "datetime": st.none() | st.datetimes(),
    "category": st.none()
    | st.sampled_from("abc")
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    "text": st.none() | st.sampled_from(["red apple", "green apple", "red"]) | st.text(max_size=9),
}
DTYPES: dict[ColumnKind, Any] = {
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "datetime": pl.Datetime("us"),
    "category": pl.String,
    "text": pl.String,
}


@st.composite
def messy_tables(draw: st.DrawFn) -> tuple[dict[str, ColumnKind], pl.DataFrame, pl.DataFrame]:
    kinds = {f"x{number}": kind for number, kind in enumerate(draw(st.lists(st.sampled_from(list(MESSY)))))}

    def table(rows: int) -> pl.DataFrame:
        columns = {
            name: pl.Series(draw(st.lists(MESSY[kind], min_size=rows, max_size=rows)), dtype=DTYPES[kind])
            for name, kind in kinds.items()
        }
        return pl.DataFrame({**columns, "y": pl.Series(range(rows), dtype=pl.Float64)})

    return kinds, table(draw(st.integers(1, 12))), table(draw(st.integers(0, 4)))


@given(messy_tables())
def test_messy_tables_always_become_finite_numbers_and_known_codes(
    tables: tuple[dict[str, ColumnKind], pl.DataFrame, pl.DataFrame],
) -> None:
    kinds, frame, new = tables
    preparation = fit_preparation(frame, profile_of(kinds), np.arange(frame.height))
    assert Preparation.from_json(preparation.to_json()) == preparation
    for table in (frame, new):
        inputs = apply_preparation(preparation, table)
        assert inputs.numbers.shape == (table.height, len(preparation.number_names))
        assert inputs.categories.shape == (table.height, len(preparation.levels))
        assert np.abs(inputs.numbers).max(initial=0) <= 15
        assert np.all(inputs.categories >= 0)
        assert np.all(inputs.categories < np.array(preparation.levels, dtype=np.int32))
