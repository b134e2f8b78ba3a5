"""Missing values: which columns lack them together, and rows that lack nothing."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from goodfit.data.analysis.results import MissingPattern

__all__ = ["missing_patterns"]

MOST_COLUMNS = 62
"""Columns that patterns are made of, those with the most missing values; a pattern is a 64-bit number."""
MOST_PATTERNS = 10


def missing_patterns(frame: pl.DataFrame) -> tuple[int, tuple[MissingPattern, ...]]:
    """Return the rows without a missing value, and the ten most frequent patterns of missing columns.

    >>> frame = pl.DataFrame({"a": [1, None, None, 4], "b": [1, None, None, None]})
    >>> missing_patterns(frame)[1][0]
    MissingPattern(columns=('a', 'b'), rows=2)
    """
    counts = frame.null_count().row(0)
    lacking = [name for name, count in zip(frame.columns, counts, strict=True) if count]
    if not lacking:
        return frame.height, ()
    complete = int(frame.select(pl.all_horizontal(pl.col(lacking).is_not_null()).sum()).item())
    by_count = dict(zip(frame.columns, counts, strict=True))
    chosen = sorted(lacking, key=lambda name: -by_count[name])[:MOST_COLUMNS]
    chosen.sort(key=frame.columns.index)
    bits = pl.sum_horizontal(
        pl.col(name).is_null().cast(pl.Int64) * 2**place for place, name in enumerate(chosen)
    )
    found = frame.select(bits.alias("bits"))["bits"].value_counts(name="rows")
    found = found.filter(pl.col("bits") > 0).sort(["rows", "bits"], descending=[True, False])
    top = found.head(MOST_PATTERNS)
    return complete, tuple(MissingPattern(_names(bits, chosen), rows) for bits, rows in top.iter_rows())


def _names(bits: int, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(columns) if bits >> place & 1)
