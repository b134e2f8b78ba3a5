from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import goodfit
from goodfit.errors import InputError

RANDOM = np.random.default_rng(0)
ROWS = 400
BEGUN = np.datetime64("2024-01-01") + RANDOM.integers(0, 300, ROWS).astype("timedelta64[D]")
DAYS = RANDOM.integers(1, 60, ROWS)


def remarks(frame: pl.DataFrame, **told: str) -> dict[str, dict]:
    found = goodfit.profile(frame, "y", **told)
    return {remark.code.rpartition(".")[2]: remark.values for remark in found.remarks}


def table(**columns: object) -> pl.DataFrame:
    later = BEGUN + DAYS.astype("timedelta64[D]")
    dates = {"begun": pl.Series(BEGUN).cast(pl.Date), "ended": pl.Series(later).cast(pl.Date)}
    return pl.DataFrame({**dates, "x": RANDOM.normal(size=ROWS), **columns})


def test_a_later_date_whose_span_tells_the_target_is_suspected():
    said = remarks(table(y=3.0 * DAYS + RANDOM.normal(size=ROWS)))["later-date"]
    assert (said["column"], said["first"], said["percent"]) == ("ended", "begun", "100.0")
    assert float(said["tells"]) > 30


def test_dates_whose_span_says_nothing_are_not():
    assert "later-date" not in remarks(table(y=RANDOM.normal(size=ROWS)))
    swapped = table(y=3.0 * DAYS).with_columns(
        pl.when(pl.int_range(ROWS) % 10 == 0).then("ended").otherwise("begun").alias("begun"),
        pl.when(pl.int_range(ROWS) % 10 == 0).then("begun").otherwise("ended").alias("ended"),
    )
    assert "later-date" not in remarks(swapped)


def test_a_date_that_is_there_only_after_the_event_is_said_to_be_entered_with_it():
    left = RANDOM.random(ROWS) < 0.3
    dates = pl.Series(BEGUN).cast(pl.Date).zip_with(pl.Series(left), pl.Series([None] * ROWS, dtype=pl.Date))
    frame = table(closed=dates, y=np.where(left, "left", "stayed"))
    said = remarks(frame)
    assert said["leak-presence"]["column"] == "closed"
    assert said["leak-class"]["column"] == "closed"
    known = frame.with_columns(pl.col("begun").alias("closed"))
    assert "leak-presence" not in remarks(known)


@pytest.mark.parametrize("target", ["y", None])
def test_dates_after_the_time_of_the_rows_are_named(target):
    frame = table(y=RANDOM.normal(size=ROWS))
    found = goodfit.profile(frame, target, time_column="begun")
    [said] = [each.values for each in found.remarks if each.code == "profile.remark.after-the-time"]
    assert (said["column"], said["time"], said["percent"]) == ("ended", "begun", "100.0")
    twice = remarks(table(y=3.0 * DAYS), time_column="begun")
    assert "later-date" in twice
    assert "after-the-time" not in twice
    other = goodfit.profile(frame, target, time_column="ended")
    assert not any(each.code == "profile.remark.after-the-time" for each in other.remarks)


@pytest.mark.parametrize("target", ["y", None])
def test_a_time_column_that_is_not_there_or_has_no_order_is_refused(target):
    frame = table(y=RANDOM.normal(size=ROWS), colour=["red", "blue"] * (ROWS // 2))
    with pytest.raises(InputError, match="'begun'"):
        goodfit.profile(frame, target, time_column="begum")
    with pytest.raises(InputError, match="colour"):
        goodfit.profile(frame, target, time_column="colour")
