from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles_for_tests import profile_of

from goodfit.data.split import shares, split
from goodfit.data.table import Profile, Split
from goodfit.errors import InputError

REGRESSION = profile_of({"x": "number"})
CLASSES = profile_of({"x": "number"}, "multiclass", classes=("a", "b", "c"))


def numbers(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"x": np.arange(rows), "y": np.arange(rows) / 7})


def labelled(counts: dict[str, int]) -> pl.DataFrame:
    labels = np.repeat(list(counts), list(counts.values()))
    labels = np.random.default_rng(5).permutation(labels)
    return pl.DataFrame({"x": np.arange(len(labels)), "y": labels})


def sizes(parts: Split) -> tuple[int, int, int]:
    return len(parts.train), len(parts.valid), len(parts.test)


def assert_divides(parts: Split, rows: int) -> None:
    together = np.concatenate([parts.train, parts.valid, parts.test])
    np.testing.assert_array_equal(np.sort(together), np.arange(rows))
    for part in (parts.train, parts.valid, parts.test):
        assert part.dtype == np.int64
        assert np.all(np.diff(part) > 0)


def counts_in(frame: pl.DataFrame, rows: np.ndarray[Any, Any]) -> dict[str, int]:
    return dict(frame["y"].gather(rows).value_counts().iter_rows())


@pytest.mark.parametrize(
    ("rows", "train", "valid", "test"),
    [(999, 0.5, 0.2, 0.3), (1_000, 0.6, 0.2, 0.2), (999_999, 0.6, 0.2, 0.2), (1_000_000, 0.8, 0.1, 0.1)],
)
def test_shares_follow_the_number_of_rows(rows: int, train: float, valid: float, test: float) -> None:
    assert shares(rows) == (train, valid, test)


def test_shares_from_a_million_are_a_tenth_or_less() -> None:
    assert shares(10_000_000) == (0.98, 0.01, 0.01)


@pytest.mark.parametrize(
    ("valid", "test", "expected"),
    [
        ("auto", 0, (0.8, 0.2, 0)),
        (0, "auto", (0.8, 0, 0.2)),
        (0, 0, (1, 0, 0)),
        (0.3, 0.3, (0.4, 0.3, 0.3)),
        ("auto", 0.7, (0.2, 0.1, 0.7)),
    ],
)
def test_shares_given_are_kept_and_auto_leaves_training_the_most(
    valid: Any, test: Any, expected: tuple[float, float, float]
) -> None:
    assert shares(5_000, valid, test) == pytest.approx(expected)


def test_fractions_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(InputError, match=r"0\.6 and for the test 0\.4"):
        shares(1_000, 0.6, 0.4)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="2 rows"):
        split(numbers(2), REGRESSION)


def test_same_seed_same_split_another_seed_another() -> None:
    first, again, other = (split(numbers(1_000), REGRESSION, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.test, again.test)
    np.testing.assert_array_equal(first.valid, again.valid)
    assert not np.array_equal(first.test, other.test)
    assert sizes(first) == (600, 200, 200)


def test_the_split_stays_as_it_was_published() -> None:
    np.testing.assert_array_equal(split(numbers(20), REGRESSION, seed=7).test, [3, 4, 6, 10, 11, 12])


def test_classes_are_divided_in_proportion() -> None:
    frame = labelled({"a": 700, "b": 250, "c": 50})
    parts = split(frame, CLASSES, seed=1)
    assert_divides(parts, 1_000)
    assert counts_in(frame, parts.train) == {"a": 420, "b": 150, "c": 30}
    assert counts_in(frame, parts.test) == {"a": 140, "b": 50, "c": 10}
    assert parts.rule.code == "split.stratified"
    assert "60 %" in parts.rule.text("es")


def test_rare_class_stays_in_training_with_a_note() -> None:
    frame = labelled({"a": 100, "b": 100, "c": 3})
    parts = split(frame, CLASSES)
    assert_divides(parts, 203)
    assert counts_in(frame, parts.train)["c"] == 3
    assert [note.code for note in parts.notes] == ["split.rare-classes"]
    assert "c" in parts.notes[0].text()


def test_only_tiny_classes_still_gives_every_part_and_every_class_to_training() -> None:
    frame = labelled({f"class {number}": 2 for number in range(50)})
    parts = split(frame, profile_of({"x": "number"}, "multiclass"))
    assert_divides(parts, 100)
    assert sizes(parts) == (50, 20, 30)
    assert len(counts_in(frame, parts.train)) == 50
    assert parts.notes[0].code == "split.classes-too-small"


def test_rows_without_a_target_are_in_no_part() -> None:
    frame = pl.DataFrame({"x": range(30), "y": [None, float("nan"), float("inf")] + [1.0, 2.0, 3.0] * 9})
    parts = split(frame, REGRESSION)
    together = np.concatenate([parts.train, parts.valid, parts.test])
    np.testing.assert_array_equal(np.sort(together), np.arange(3, 30))


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=8),
    st.integers(0, 2**63 - 1),
    st.sampled_from(["auto", 0.05, 0.4]),
    st.sampled_from(["auto", 0, 0.1, 0.5]),
)
def test_any_classes_are_divided_without_rest(counts: list[int], seed: int, valid: Any, test: Any) -> None:
    frame = labelled({f"class {number}": count for number, count in enumerate(counts)})
    if frame.height < 3:
        return
    parts = split(frame, CLASSES, seed=seed, valid_fraction=valid, test_fraction=test)
    assert_divides(parts, frame.height)
    assert len(parts.train)
    assert len(parts.valid)
    assert bool(len(parts.test)) == (test != 0)
    parts.rule.text("es")
    for note in parts.notes:
        assert note.text("en") != note.text("es")


def test_groups_stay_together_near_the_shares() -> None:
    random = np.random.default_rng(0)
    groups = pl.Series("patient", random.integers(0, 80, 2_000))
    frame = pl.DataFrame({"x": range(2_000), "y": random.choice(["a", "b"], 2_000, p=[0.8, 0.2])})
    parts = split(frame, CLASSES, groups=groups)
    assert_divides(parts, 2_000)
    in_parts = [set(groups.gather(part)) for part in (parts.train, parts.valid, parts.test)]
    assert not in_parts[0] & in_parts[1]
    assert not in_parts[1] & in_parts[2]
    assert not in_parts[0] & in_parts[2]
    assert sizes(parts) == pytest.approx((1_200, 400, 400), abs=20)
    assert counts_in(frame, parts.test)["b"] / len(parts.test) == pytest.approx(0.2, abs=0.03)
    assert "patient" in parts.rule.text()


def test_few_groups_of_one_class_each_leave_no_part_empty_and_no_class_untrained() -> None:
    groups = pl.Series(
        "speaker", np.repeat(["ann", "bea", "cid", "dan", "eva", "flo"], [300, 10, 10, 10, 10, 10])
    )
    frame = pl.DataFrame({"x": range(350), "y": ["a"] * 320 + ["b"] * 30})
    parts = split(frame, CLASSES, groups=groups)
    assert min(sizes(parts)) > 0
    assert set(counts_in(frame, parts.train)) == {"a", "b"}


def test_rows_without_a_group_are_one_group() -> None:
    groups = pl.Series("g", [None] * 20 + list("abcdefghij") * 8)
    parts = split(numbers(100), REGRESSION, groups=groups)
    assert sum(bool(np.any(part < 20)) for part in (parts.train, parts.valid, parts.test)) == 1
    assert parts.notes[0].code == "split.group-missing"


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(InputError, match="'g' has 2 groups"):
        split(numbers(100), REGRESSION, groups=pl.Series("g", ["a", "b"] * 50))


def test_the_profiles_group_column_is_used() -> None:
    frame = numbers(100).with_columns(g=pl.Series(list("abcdefghij") * 10))
    assert split(frame, profile_of({"x": "number"}, group_column="g")).rule.code == "split.grouped"


def test_time_goes_from_training_to_test_and_ties_stay_together() -> None:
    days = np.repeat(np.arange(100), 10)
    times = pl.Series("day", [date(2020, 1, 1) + timedelta(days=int(day)) for day in days])
    order = np.random.default_rng(1).permutation(1_000)
    times = times.gather(order)
    parts = split(numbers(1_000), REGRESSION, times=times)
    assert_divides(parts, 1_000)
    assert sizes(parts) == (600, 200, 200)
    train, valid, test = (times.gather(part) for part in (parts.train, parts.valid, parts.test))
    assert train.max() < valid.min()  # type: ignore[operator]
    assert valid.max() < test.min()  # type: ignore[operator]
    assert parts.rule.values["valid_from"] == "2020-03-01"
    assert parts.rule.values["test_from"] == "2020-03-21"
    assert "2020-04-09" in parts.rule.text("es")


@pytest.mark.parametrize(
    ("valid", "test", "expected"),
    [("auto", 0, (8, 2, 0)), (0, "auto", (7, 0, 3)), (0, 0, (10, 0, 0)), ("auto", "auto", (5, 2, 3))],
)
def test_time_with_parts_given_elsewhere(valid: Any, test: Any, expected: tuple[int, int, int]) -> None:
    times = pl.Series("when", [datetime(2021, 5, 1, hour) for hour in range(10)])
    parts = split(numbers(10), REGRESSION, times=times, valid_fraction=valid, test_fraction=test)
    assert sizes(parts) == expected
    assert "2021-05-01 09:00:00" in parts.rule.text()


def test_a_moment_with_most_rows_leaves_no_part_empty() -> None:
    times = pl.Series("year", [1999] * 97 + [2000, 2001, 2002])
    assert min(sizes(split(numbers(100), REGRESSION, times=times))) > 0
    times = pl.Series("year", [1999, 2000, 2001] + [2002] * 97)
    assert min(sizes(split(numbers(100), REGRESSION, times=times))) > 0


def test_missing_times_train_and_unlearnable_classes_are_told() -> None:
    times = pl.Series("year", [None, float("nan"), *map(float, range(98))])
    frame = pl.DataFrame({"x": range(100), "y": ["a", "b"] * 48 + ["c"] * 4})
    parts = split(frame, CLASSES, times=times)
    assert set(parts.train[:2]) == {0, 1}
    assert [note.code for note in parts.notes] == ["split.untrained-classes", "split.time-missing"]


@pytest.mark.parametrize("times", [pl.Series("t", [1, 1] * 50), pl.Series("t", ["noon"] * 100)])
def test_times_that_cannot_divide_are_refused(times: pl.Series) -> None:
    with pytest.raises(InputError, match="'t'"):
        split(numbers(100), REGRESSION, times=times)


def test_groups_and_times_at_once_are_refused() -> None:
    frame = numbers(100)
    with pytest.raises(InputError, match="choose one"):
        split(frame, REGRESSION, groups=frame["x"], times=frame["y"])


def test_boolean_and_whole_number_classes() -> None:
    profile: Profile = profile_of({"x": "number"}, "binary", classes=(False, True))
    frame = pl.DataFrame({"x": range(100), "y": [True, False, False, False] * 25})
    for target in (frame["y"], frame["y"].cast(pl.Int64)):
        parts = split(frame.with_columns(target), profile)
        assert float(target.gather(parts.test).cast(pl.Float64).mean()) == pytest.approx(0.25, abs=0.02)  # type: ignore[arg-type]
