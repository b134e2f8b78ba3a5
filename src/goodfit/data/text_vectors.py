"""Short texts to a few numbers: hashed runs of characters, weighted, and reduced by a truncated SVD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.preparation import BUCKETS, TextColumn
from goodfit.data.scaling import soft_clip

__all__ = ["character_runs", "fit_text", "text_numbers", "weighted_runs"]

LENGTHS = (3, 4, 5)
MOST_CHARACTERS = 1000
MOST_ROWS = 20_000
ROWS_A_NUMBER, FEWEST_NUMBERS, MOST_NUMBERS = 50, 2, 32
FEWEST_ROWS_OF_BUCKET = 2
CHARACTERS_AT_ONCE = 250_000
DECIMALS = 5
LIMIT = 5.0
BASE = np.uint64(1_099_511_628_211)
LINE_END = 10

Matrix = Any  # a sparse matrix of scipy


def fit_text(series: pl.Series, indicator: bool = False) -> TextColumn:
    """Learn from the training rows' texts how a text becomes numbers.

    A text's first 1,000 characters are put in lower case, blanks are made one and put around it; every run of
    3, 4 and 5 characters falls into one of 4,096 buckets by its hash. A bucket's count c weighs
    ``(1 + log c) * (1 + log((1 + n) / (1 + rows that have it)))``, a row's weights are divided by their norm
    and projected on the foremost right singular vectors: a number for every 50 rows, 2 to 32 of them, less
    their means and divided by the largest of their deviations. Buckets that one row alone has are left out;
    of more than 20,000 rows an even sample is looked at.

    Parameters
    ----------
    series
        The training rows' texts.
    indicator
        Whether a further column says where the text was missing.

    References
    ----------
    Deerwester et al., *Indexing by latent semantic analysis*, 1990; Weinberger et al., *Feature hashing for
    large scale multitask learning*, 2009; Halko, Martinsson and Tropp, *Finding structure with randomness*,
    2011.
    """
    from sklearn.utils.extmath import randomized_svd

    missing = series.null_count()
    rows = np.linspace(0, len(series) - 1, min(MOST_ROWS, len(series))).astype(np.int64)
    some = series.gather(rows)
    buckets, idf = _buckets_of(some)
    width = min(int(np.clip(len(some) // ROWS_A_NUMBER, FEWEST_NUMBERS, MOST_NUMBERS)), len(buckets) - 1)
    if width < 1:
        return TextColumn(series.name, (), (), (), (), 1.0, missing, indicator)
    weighted = _weights(some, buckets, idf)
    _, _, vectors = randomized_svd(weighted, n_components=width, n_iter=4, random_state=0)
    vectors = np.round(vectors.astype(np.float64), DECIMALS)
    found = weighted @ vectors.T
    deviation = float(found.std(axis=0).max())
    return TextColumn(
        name=series.name,
        buckets=tuple(buckets.tolist()),
        weights=tuple(idf.tolist()),
        components=tuple(tuple(vector) for vector in vectors.tolist()),
        center=tuple(found.mean(axis=0).tolist()),
        scale=deviation if deviation > 1e-9 else 1.0,
        missing=missing,
        indicator=indicator,
    )


def text_numbers(column: TextColumn, series: pl.Series) -> NDArray[np.float64]:
    """Return the numbers that texts become, shape ``(rows, components)``; a missing text is an empty one."""
    if not column.components:
        return np.empty((len(series), 0))
    buckets, idf, vectors = (np.array(each) for each in (column.buckets, column.weights, column.components))
    numbers = np.empty((len(series), len(vectors)))
    for start, count in _counts(series, buckets):
        numbers[start : start + count.shape[0]] = _weighted(count, idf) @ vectors.T
    return soft_clip((numbers - np.array(column.center)) / column.scale, LIMIT)


def weighted_runs(texts: pl.Series) -> Matrix:
    """Return the weights of the runs' buckets, as `fit_text` has them: each row's norm is 1 or 0."""
    return _weights(texts, *_buckets_of(texts))


def character_runs(texts: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    r"""Return the row and the bucket of every run of 3, 4 and 5 characters in texts without line ends.

    >>> rows, buckets = character_runs(pl.Series(["abc", "abcd"]))
    >>> rows.tolist(), bool(buckets[0] == buckets[1])
    ([0, 1, 1, 1], True)
    """
    codes = np.frombuffer("\n".join(texts.to_list()).encode("utf-32-le"), dtype="<u4")
    row = np.cumsum(codes == LINE_END)
    row_ends = codes == LINE_END
    rows, buckets = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    hashed = np.zeros(len(codes), dtype=np.uint64)
    for length in range(1, max(LENGTHS) + 1):
        starts = len(codes) - length + 1
        if starts <= 0:
            break
        hashed = hashed[:starts] * BASE + codes[length - 1 :].astype(np.uint64) + np.uint64(1)
        if length in LENGTHS:
            whole = (row[:starts] == row[length - 1 :]) & ~row_ends[:starts]
            rows.append(row[:starts][whole])
            buckets.append(_mixed(hashed[whole]))
    return np.concatenate(rows), np.concatenate(buckets)


def _buckets_of(texts: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the buckets that two texts or more have, and the weight of each by how seldom it is."""
    present = np.zeros(BUCKETS, dtype=np.int64)
    for _, count in _counts(texts, np.arange(BUCKETS)):
        present += np.bincount(count.indices, minlength=BUCKETS)
    buckets = np.flatnonzero(present >= FEWEST_ROWS_OF_BUCKET)
    return buckets, np.round(1 + np.log((1 + len(texts)) / (1 + present[buckets])), DECIMALS)


def _mixed(hashed: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the bucket of each hash, its bits mixed first (the finalizer of SplitMix64)."""
    hashed = (hashed ^ (hashed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashed = (hashed ^ (hashed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((hashed ^ (hashed >> np.uint64(31))) % np.uint64(BUCKETS)).astype(np.int64)


def _counts(series: pl.Series, buckets: NDArray[np.int64]) -> Iterator[tuple[int, Matrix]]:
    """Yield how often each of some buckets occurs in each text, as the first row and a sparse matrix.

    A few texts at a time, so that little memory is needed.
    """
    from scipy.sparse import coo_array

    texts = series.cast(pl.String).fill_null("").str.slice(0, MOST_CHARACTERS).str.to_lowercase()
    texts = " " + texts.str.replace_all(r"[\s\x00-\x1f]+", " ").str.strip_chars() + " "
    ends = np.cumsum(texts.str.len_chars().to_numpy().astype(np.int64))
    place = np.full(BUCKETS, -1, dtype=np.int64)
    place[buckets] = np.arange(len(buckets))
    start = 0
    while start < len(texts):
        begun = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, begun + CHARACTERS_AT_ONCE, "right")))
        rows, found = character_runs(texts[start:stop])
        columns = place[found]
        known = columns >= 0
        ones = np.ones(int(known.sum()))
        shape = (min(stop, len(texts)) - start, len(buckets))
        yield start, coo_array((ones, (rows[known], columns[known])), shape=shape).tocsr()
        start = stop


def _weighted(counts: Matrix, idf: NDArray[np.float64]) -> Matrix:
    """Return the weights of the buckets, each row of norm 1, or 0 where it has none."""
    counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norm = np.sqrt(np.bincount(row, np.square(counts.data), minlength=counts.shape[0]))
    counts.data /= norm[row]
    return counts


def _weights(texts: pl.Series, buckets: NDArray[np.int64], idf: NDArray[np.float64]) -> Matrix:
    from scipy.sparse import vstack

    return vstack([_weighted(count, idf) for _, count in _counts(texts, buckets)], format="csr")
