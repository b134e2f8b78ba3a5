"""Columns as a few codes, entropies, and what one column says of another."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.columns import as_categorical, as_numbers, category_codes

__all__ = ["bins_for", "discrete", "entropy", "shared_information", "some_rows"]

Codes = NDArray[np.int64]


def some_rows(rows: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of the row numbers below ``rows``, drawn alike each time, in their order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def bins_for(rows: int, most: int = 20) -> int:
    """Return into how many intervals a number is cut: enough rows in each pair of intervals.

    >>> [bins_for(rows) for rows in (50, 1000, 100_000)]
    [2, 10, 20]
    """
    return int(np.clip(np.sqrt(rows / 10), 2, most))


def discrete(series: pl.Series, bins: int, levels: int | None = None, fewest: int = 1) -> Codes:
    """Return a code per row: numbers and dates by quantile, anything else by value; missing ones their own.

    Parameters
    ----------
    bins
        Intervals of as many rows each, for numbers with more different values.
    levels
        Values with a code of their own (default ``bins``), the most frequent ones; the others share one.
    fewest
        Rows that such a value must have.
    """
    if series.dtype.is_numeric() or series.dtype.is_temporal():
        return _number_codes(as_numbers(series.to_physical() if series.dtype.is_temporal() else series), bins)
    codes, texts = category_codes(
        as_categorical(series.cast(pl.String) if series.dtype == pl.Boolean else series)
    )
    counts = np.bincount(codes, minlength=len(texts))
    order = np.argsort(-counts, kind="stable")
    place = np.full(len(texts), levels or bins, dtype=np.int64)
    kept = order[: levels or bins]
    kept = kept[counts[kept] >= fewest]
    place[kept] = np.arange(len(kept))
    return _dense(place[codes])


def _number_codes(values: NDArray[np.float64], bins: int) -> Codes:
    known = values[~np.isnan(values)]
    different = np.unique(known)
    if len(different) > bins:
        # An edge belongs to the interval below it: what most rows share is not put with what lies above.
        different = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))
    codes = np.searchsorted(different, values, side="left")
    codes[np.isnan(values)] = len(different) + 1
    return _dense(codes.astype(np.int64))


def _dense(codes: Codes) -> Codes:
    present = np.flatnonzero(np.bincount(codes))
    place = np.zeros(int(present[-1]) + 1 if len(present) else 1, dtype=np.int64)
    place[present] = np.arange(len(present))
    return place[codes]


def entropy(codes: Codes) -> float:
    """Return the entropy of codes in nats, as their shares give it."""
    counts = np.bincount(codes)
    shares = counts[counts > 0] / len(codes)
    return float(-(shares * np.log(shares)).sum())


def shared_information(first: Codes, second: Codes) -> float:
    """Return the mutual information of two columns in nats, between 0 and the smaller of their entropies.

    Chance alone makes the plain estimate positive; that part is taken off (Miller and Madow 1955).

    >>> side = np.array([0, 1] * 50)
    >>> round(shared_information(side, side) / entropy(side), 2)
    1.0
    """
    width = int(second.max()) + 1
    own, other, both = entropy(first), entropy(second), first * width + second
    seen = [int(np.count_nonzero(np.bincount(codes))) for codes in (first, second, both)]
    surplus = (seen[2] - seen[0] - seen[1] + 1) / (2 * len(first))
    return float(np.clip(own + other - entropy(both) - surplus, 0.0, min(own, other)))
