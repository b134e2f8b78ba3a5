"""What each column says of the target, and pairs of columns that say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.analysis.discrete import bins_for, discrete, entropy, shared_information
from goodfit.data.analysis.results import Pair

__all__ = ["MOST_ROWS", "missing_that_tells", "same_pairs", "target_associations"]

MOST_ROWS = 20_000
MOST_COLUMNS = 80
"""Columns that are compared with each other, the first ones."""
MOST_PAIRS = 30
TARGET_BINS = 10
MOST_CLASSES = 50
ROWS_OF_LEVEL = 10
"""Rows below which a category shares a code with others: a few rows seem to tell more than they do."""
SAME_RANK = 0.95
SAME_SHARED = 0.9
TELLING_MISSING = 0.02


def target_associations(columns: Sequence[pl.Series], target: pl.Series) -> dict[str, float]:
    """Return for each column the share of the target's entropy that it removes by itself, 0 to 1.

    That is the mutual information over the entropy of the target (Theil's uncertainty coefficient). Numbers
    are cut into quantiles, at most 20 of a column and 10 of a target.
    """
    wanted, total = _target_codes(target)
    bins = bins_for(len(target))
    return {
        series.name: min(1.0, shared_information(_column_codes(series, bins), wanted) / total)
        for series in columns
    }


def missing_that_tells(columns: Sequence[pl.Series], target: pl.Series) -> list[tuple[str, float]]:
    """Return columns of which it says something about the target whether they are missing, and how much.

    At least 2 % of the target's entropy, and more than chance explains (the statistic 2 n I of a test of
    independence beyond six deviations of its chi-squared distribution), with 10 missing rows or more.
    """
    wanted, total = _target_codes(target)
    freedom = int(wanted.max())
    found = []
    for series in columns:
        missing = series.is_null().to_numpy().astype(np.int64)
        if not 10 <= missing.sum() <= len(missing) - 10:
            continue
        information = shared_information(missing, wanted)
        chance = 6 * np.sqrt(2 * freedom)
        if information / total >= TELLING_MISSING and 2 * len(missing) * information > chance:
            found.append((series.name, information / total))
    return sorted(found, key=lambda item: -item[1])


def same_pairs(columns: Sequence[pl.Series]) -> tuple[Pair, ...]:
    """Return pairs of columns that say nearly the same, the closest first.

    Two numbers whose ranks correlate by 0.95 or more (Spearman), also without the rows in which both have
    their most frequent value, and columns that share 90 % of the larger of their entropies.
    """
    columns = columns[:MOST_COLUMNS]
    if len(columns) < 2:
        return ()
    bins = bins_for(len(columns[0]))
    codes = {series.name: discrete(series, bins, MOST_CLASSES) for series in columns}
    entropies = {name: entropy(code) for name, code in codes.items()}
    ranks = {series.name: _ranks(series) for series in columns if series.dtype.is_numeric()}
    usual = {series.name: _most_frequent(series) for series in columns if series.dtype.is_numeric()}
    pairs = []
    for first, second in combinations(codes, 2):
        rank = _correlation(ranks, first, second)
        if abs(rank) >= SAME_RANK:
            if _beyond_the_usual(ranks, usual, first, second):
                pairs.append(Pair(first, second, "rank", rank))
            continue
        larger = max(entropies[first], entropies[second])
        if min(entropies[first], entropies[second]) < SAME_SHARED * larger or larger == 0:
            continue
        shared = shared_information(codes[first], codes[second]) / larger
        if shared >= SAME_SHARED:
            pairs.append(Pair(first, second, "shared", min(1.0, shared)))
    return tuple(sorted(pairs, key=lambda pair: -abs(pair.value))[:MOST_PAIRS])


def _column_codes(series: pl.Series, bins: int) -> NDArray[np.int64]:
    return discrete(series, bins, MOST_CLASSES, fewest=ROWS_OF_LEVEL)


def _target_codes(target: pl.Series) -> tuple[NDArray[np.int64], float]:
    codes = discrete(target, TARGET_BINS, MOST_CLASSES)
    return codes, max(entropy(codes), 1e-12)


def _ranks(series: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    known = series.is_not_null().to_numpy()
    return series.rank("average").cast(pl.Float64).fill_null(0.0).to_numpy(), known


def _most_frequent(series: pl.Series) -> NDArray[np.bool_]:
    """Return where a column has its most frequent value."""
    value = series.drop_nulls().mode()
    return (series == value.min()).fill_null(False).to_numpy() if len(value) else np.zeros(len(series), bool)


def _beyond_the_usual(
    ranks: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]],
    usual: Mapping[str, NDArray[np.bool_]],
    first: str,
    second: str,
) -> bool:
    """Say whether ranks go together also where not both have their most frequent value, such as 0."""
    rest = ~(usual[first] & usual[second])
    if rest.mean() > 0.5:
        return True
    some = {name: (ranks[name][0][rest], ranks[name][1][rest]) for name in (first, second)}
    if any(len(np.unique(values[known])) < 2 for values, known in some.values()):
        return True
    if rest.sum() < ROWS_OF_LEVEL:
        return False
    return abs(_correlation(some, first, second)) >= SAME_RANK


def _correlation(
    ranks: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]], first: str, second: str
) -> float:
    """Return Spearman's correlation where both are known, 0 where they seldom are."""
    if first not in ranks or second not in ranks:
        return 0.0
    (x, known_x), (y, known_y) = ranks[first], ranks[second]
    both = known_x & known_y
    if both.sum() < max(10, 0.5 * len(both)):
        return 0.0
    x, y = x[both] - x[both].mean(), y[both] - y[both].mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 0 else 0.0
