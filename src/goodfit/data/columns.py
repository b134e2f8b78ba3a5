"""Columns of a typed frame as numpy arrays: numbers, moments in cycles, codes of categories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = [
    "CategoryCodes",
    "as_categorical",
    "as_numbers",
    "category_codes",
    "cycle_phase",
    "elapsed_days",
    "physical_numbers",
]

BLOCK = 65_536
MICROSECONDS_A_DAY = 86_400e6


class CategoryCodes(NamedTuple):
    """A category column as whole numbers.

    ``codes`` has a number per row below ``len(texts)``; ``texts`` the value that each number stands for,
    None for numbers that do not occur and for the last one, which stands for a missing value.
    """

    codes: NDArray[np.uint32]
    texts: list[str | None]


def as_numbers(series: pl.Series) -> NDArray[np.float64]:
    """Return a copy of numbers, or of booleans as 0 and 1, as float64, NaN where missing."""
    return series.cast(pl.Float64, strict=False).to_numpy(writable=True)


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
    """Return a Categorical column's physical codes; no text is touched but one of each."""
    missing = int(np.asarray(series.to_physical().max() or 0)) + 1
    codes = physical_numbers(series, missing)
    some = np.full(missing + 1, -1, dtype=np.int64)  # of each code, a row that has it
    for start in range(0, len(codes), BLOCK):  # in pieces that stay in the cache, and take no memory
        part = codes[start : start + BLOCK]
        some[part] = np.arange(start, start + len(part))
    texts: list[str | None] = [None] * len(some)
    present = np.flatnonzero(some >= 0)
    for number, text in zip(present, series.gather(some[present]).cast(pl.String), strict=True):
        texts[number] = text
    return CategoryCodes(codes, texts)


def physical_numbers(series: pl.Series, missing: int) -> NDArray[np.uint32]:
    """Return the whole numbers that a Categorical column is made of, ``missing`` where there is none."""
    return series.to_physical().cast(pl.UInt32).fill_null(missing).to_numpy()


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
