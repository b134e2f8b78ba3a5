"""Columns of a typed frame as numpy arrays: numbers, moments in cycles, codes of categories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["CategoryCodes", "as_categorical", "as_numbers", "category_codes", "cycle_phase", "elapsed_days"]

MICROSECONDS_A_DAY = 86_400e6


class CategoryCodes(NamedTuple):
    """A category column as whole numbers.

    ``codes`` has a number per row below ``len(texts)``; ``texts`` the value that each number stands for,
    None for a missing value and for numbers that do not occur.
    """

    codes: NDArray[np.uint32]
    texts: list[str | None]


def as_numbers(series: pl.Series) -> NDArray[np.float64]:
    """Return a copy of numbers, or of booleans as 0 and 1, as float64, NaN where missing."""
    return np.array(series.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


def as_categorical(series: pl.Series) -> pl.Series:
    """Return any column as Categorical; whole numbers are spelled alike, 1 and 1.0."""
    if series.dtype == pl.Categorical:
        return series
    if series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        spelled = whole.cast(pl.String)
        different = (whole.cast(pl.Float64) != series).fill_null(True)
        series = spelled.zip_with(~different, series.fill_nan(None).cast(pl.String))
    return series.cast(pl.String).cast(pl.Categorical)


def category_codes(series: pl.Series) -> CategoryCodes:
    """Return a Categorical column's physical codes; no text is touched but the distinct ones."""
    distinct = series.drop_nulls().unique()
    numbers = distinct.to_physical().cast(pl.Int64).to_numpy()
    texts: list[str | None] = [None] * (int(numbers.max(initial=-1)) + 2)
    for number, text in zip(numbers.tolist(), distinct.cast(pl.String).to_list(), strict=True):
        texts[number] = text
    codes = series.to_physical().cast(pl.UInt32).fill_null(len(texts) - 1).to_numpy()
    return CategoryCodes(codes, texts)


def elapsed_days(series: pl.Series) -> NDArray[np.float64]:
    """Return days since 1970 of dates and times, NaN where missing."""
    return as_numbers(series.cast(pl.Datetime("us")).to_physical()) / MICROSECONDS_A_DAY


def cycle_phase(series: pl.Series, cycle: str) -> NDArray[np.float64]:
    """Return where in a cycle (month, day, weekday, hour) each moment is, from 0 to 1, NaN where missing."""
    moments = series.cast(pl.Datetime("us")).dt
    if cycle == "month":
        phase = (moments.month() - 1) / 12
    elif cycle == "day":
        phase = (moments.day() - 1) / 31
    elif cycle == "weekday":
        phase = (moments.weekday() - 1) / 7
    else:
        phase = (moments.hour().cast(pl.Float64) + moments.minute() / 60) / 24
    return as_numbers(phase)
