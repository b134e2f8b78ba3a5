from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles_for_tests import profile_of

from goodfit.data.preparation import ClassTarget, NumberTarget
from goodfit.data.targets import decode_target, encode_target, fit_target, rows_with_target
from goodfit.errors import InputError


@pytest.mark.parametrize(
    ("classes", "values"),
    [
        (("no", "yes"), ["yes", "no", None, "yes"]),
        ((0, 1), [1, 0, None, 1]),
        ((0.5, 1.0), [1.0, 0.5, None, 1.0]),
        ((False, True), [True, False, None, True]),
    ],
)
def test_classes_become_codes_and_come_back(classes: tuple[Any, ...], values: list[Any]) -> None:
    frame = pl.DataFrame({"y": values})
    target = fit_target(frame, profile_of({}, "binary", classes=classes), np.arange(4))
    codes = encode_target(target, frame)
    assert codes.dtype == np.int64
    assert codes.tolist() == [1, 0, -1, 1]
    labels = decode_target(target, codes[[0, 1, 3]])
    assert labels.tolist() == [values[0], values[1], values[3]]
    assert type(labels.tolist()[0]) is type(values[0])


def test_classes_are_understood_in_another_type() -> None:
    target = ClassTarget("y", (0, 1))
    assert encode_target(target, pl.DataFrame({"y": [0.0, 1.0]})).tolist() == [0, 1]
    assert encode_target(target, pl.DataFrame({"y": ["0", "1"]})).tolist() == [0, 1]
    categories = pl.DataFrame({"y": pl.Series(["b", "a"], dtype=pl.Categorical)})
    assert encode_target(ClassTarget("y", ("a", "b")), categories).tolist() == [1, 0]


def test_a_new_class_is_named_with_its_file() -> None:
    with pytest.raises(InputError, match=r"'<=50K\.' in adult_test\.csv.*<=50K, >50K") as caught:
        encode_target(
            ClassTarget("income", ("<=50K", ">50K")), pl.DataFrame({"income": ["<=50K."]}), "adult_test.csv"
        )
    assert "adult_test.csv" in caught.value.text("es")


def test_a_missing_target_column_is_named() -> None:
    with pytest.raises(InputError, match=r"'y' is missing in new\.csv"):
        encode_target(ClassTarget("y", ("a",)), pl.DataFrame({"x": [1]}), "new.csv")


@pytest.mark.parametrize("scaling", ["standard", "log"])
def test_numbers_are_standardised_by_training_rows_and_come_back(scaling: Any) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": np.exp(random.normal(8, 1, 200)), "b": random.uniform(0, 1, 200)})
    rows = np.arange(0, 200, 2)
    target = fit_target(frame, profile_of({}, targets=("a", "b")), rows, dict.fromkeys(("a", "b"), scaling))
    encoded = encode_target(target, frame)
    assert encoded.dtype == np.float32
    assert encoded.shape == (200, 2)
    np.testing.assert_allclose(encoded[rows].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(encoded[rows].std(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(decode_target(target, encoded), frame.to_numpy(), rtol=1e-4, atol=1e-6)


def test_one_target_may_come_back_from_a_flat_array() -> None:
    frame = pl.DataFrame({"y": [1.0, 2.0, 3.0]})
    target = fit_target(frame, profile_of({}), np.arange(3))
    assert decode_target(target, np.zeros(3)).tolist() == [[2.0]] * 3


def test_missing_targets_are_nan() -> None:
    frame = pl.DataFrame({"y": [1.0, None, 3.0, float("inf")]})
    target = fit_target(frame, profile_of({}), np.array([0, 2]))
    encoded = encode_target(target, frame)
    assert np.isnan(encoded[:, 0]).tolist() == [False, True, False, True]
    assert rows_with_target(frame, ("y",)).tolist() == [0, 2]


def test_logarithm_of_a_negative_target_is_refused() -> None:
    with pytest.raises(InputError, match="'y' has the value -1"):
        fit_target(pl.DataFrame({"y": [-1.0, 2.0]}), profile_of({}), np.arange(2), {"y": "log"})


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20),
)
def test_any_numbers_encode_and_decode_to_finite_ones(values: list[float], outputs: list[float]) -> None:
    frame = pl.DataFrame({"y": values})
    target = fit_target(frame, profile_of({}), np.arange(len(values)))
    assert isinstance(target, NumberTarget)
    assert np.isfinite(encode_target(target, frame)).all()
    assert np.isfinite(decode_target(target, outputs)).all()
