"""Rows that occur more than once, and rows alike whose targets differ."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from goodfit.data.analysis.results import Duplicates

__all__ = ["find_duplicates"]


def find_duplicates(frame: pl.DataFrame, identifiers: Sequence[str], targets: Sequence[str]) -> Duplicates:
    """Return how many rows repeat an earlier one; identifiers are left out of the comparison.

    Rows are compared by a 64-bit hash of their values: two different rows of a million look the same with a
    chance of 3 in 100 million.

    >>> frame = pl.DataFrame({"id": [1, 2, 3], "a": [5, 5, 5], "y": ["n", "n", "m"]})
    >>> find_duplicates(frame, ["id"], ["y"])
    Duplicates(rows=1, groups=1, apart_from=('id',), conflicting=3)
    """
    compared = [name for name in frame.columns if name not in identifiers]
    inputs = [name for name in compared if name not in targets]
    if not inputs:
        return Duplicates(0, 0, tuple(identifiers))
    sizes = frame.select(compared).hash_rows().value_counts(name="rows")["rows"]
    repeated = sizes.filter(sizes > 1)
    conflicting = 0
    if targets:
        pairs = pl.DataFrame(
            {"inputs": frame.select(inputs).hash_rows(), "target": frame.select(targets).hash_rows()}
        )
        by_inputs = pairs.group_by("inputs").agg(
            pl.col("target").n_unique().alias("targets"), pl.len().alias("rows")
        )
        conflicting = int(by_inputs.filter(pl.col("targets") > 1)["rows"].sum())
    rows = int(repeated.sum()) - len(repeated)
    return Duplicates(rows, len(repeated), tuple(identifiers), conflicting)
