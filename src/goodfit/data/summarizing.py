"""What rows look like to a network: scales, duplicates, a feature that tells all, rows of two kinds.

Everything is measured on samples of at most `MOST_ROWS` rows and `MOST_FEATURES` features, drawn without
touching any random state, so that it takes well under a second whatever the size of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodfit.probes import DataSummary, Shift

__all__ = ["MOST_FEATURES", "MOST_ROWS", "Rows", "fingerprints", "r2", "summarize", "thinned"]

Array = NDArray[np.float64]

MOST_ROWS = 1000
MOST_FEATURES = 256
TELLING = 0.9
"""Score of a single feature from which on it is compared with the others."""
SIGMAS = 3.3
"""Width of the interval of `Shift`, in standard errors: 99.9 % on both sides."""
RIDGE = 0.01
EXACT = 0.01
MARKED_ELEMENTS = 2**18
"""Elements whose fingerprints are worked out at once."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a part as numbers.

    Parameters
    ----------
    features
        Shape (rows, features), finite.
    target
        Class numbers of type int64, shape (rows,); or values, shape (rows, targets).
    names
        What each feature is called.
    """

    features: Array
    target: NDArray[np.int64] | Array | None
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.features)


def thinned(count: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of the numbers below ``count``, drawn alike each time, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def summarize(
    train: Rows, valid: Rows | None, *, drawn: bool = True, divided_by: Sequence[str] = ()
) -> DataSummary:
    """Return what the rows look like; what concerns all rows and not a sample is for the caller to add.

    Parameters
    ----------
    train, valid
        Samples of the rows.
    drawn
        Whether they are samples of all rows, and not the first ones that a loader delivers.
    divided_by
        Names of features by which the rows were divided on purpose: that these differ is no shift.
    """
    features = train.features
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    varies = deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    if not varies.any():
        return DataSummary(len(train), features.shape[1], constant=features.shape[1])
    sizes = np.sqrt(mean**2 + deviation**2)[varies]
    names = [name for name, kept in zip(train.names, varies, strict=True) if kept]
    scaled = (features[:, varies] - mean[varies]) / deviation[varies]
    other = None if valid is None else (valid.features[:, varies] - mean[varies]) / deviation[varies]
    best, alone, others = _giveaway(scaled, train.target)
    return DataSummary(
        rows=len(train),
        features=features.shape[1],
        scale_low=float(sizes.min()),
        scale_typical=float(np.median(sizes)),
        scale_high=float(sizes.max()),
        largest_feature=names[int(sizes.argmax())],
        constant=int((~varies).sum()),
        distinctive=_distinctive(features),
        giveaway="" if best is None else names[best],
        giveaway_score=alone,
        giveaway_exact=best is not None and others is not None and _exact(scaled[:, best], train.target),
        other_score=others,
        chance_score=_chance(train.target),
        linear_score=_linear_score(scaled, train.target, other, None if valid is None else valid.target),
        shift=_shift(scaled, other, names, divided_by) if drawn and other is not None else None,
    )


def fingerprints(features: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a number for each row that only rows of the same bits share (but for one chance in 2^64)."""
    weights = np.random.default_rng(0).integers(1, 2**63, features.shape[1], dtype=np.uint64)
    odd = weights * np.uint64(2) + np.uint64(1)
    marks = np.empty(len(features), dtype=np.uint64)
    together = max(1, MARKED_ELEMENTS // max(1, features.shape[1]))
    for first in range(0, len(features), together):  # in pieces: the numbers below are twice as wide
        piece = np.ascontiguousarray(features[first : first + together], dtype=np.float32)
        bits = piece.view(np.uint32).astype(np.uint64)
        mixed = (bits ^ (bits >> np.uint64(15))) * np.uint64(0x9E3779B97F4A7C15)
        marks[first : first + together] = ((mixed ^ (mixed >> np.uint64(29))) * odd).sum(axis=1)
    return marks


def r2(actual: Array, predicted: Array) -> float:
    """Return the mean R2 of the columns; columns without any deviation are left out."""
    rest = ((actual - predicted) ** 2).mean(axis=0)
    whole = actual.var(axis=0)
    kept = whole > 0
    return float(np.mean(1 - rest[kept] / whole[kept])) if kept.any() else 0.0


def _distinctive(features: Array) -> bool:
    step = max(1, len(features) // 500)
    some = features[::step]
    return any(len(np.unique(column)) > 0.5 * len(some) for column in some.T) or some.shape[1] >= 64


def _chance(target: NDArray[np.int64] | Array | None) -> float | None:
    if target is None:
        return None
    return float(np.bincount(target).max() / len(target)) if target.ndim == 1 else 0.0


def _ridge(features: Array, wanted: Array) -> Array:
    """Return the weights, the last of them the constant, of a ridge regression on standardised features."""
    whole = np.column_stack([features, np.ones(len(features))])
    square = whole.T @ whole
    square[np.diag_indices(len(square) - 1)] += RIDGE * len(features)
    return np.asarray(np.linalg.solve(square, whole.T @ wanted))


def _apply(weights: Array, features: Array) -> Array:
    return np.asarray(features @ weights[:-1] + weights[-1])


def _fit_and_score(
    features: Array,
    target: NDArray[np.int64] | Array,
    other: Array,
    other_target: NDArray[np.int64] | Array,
) -> float:
    if target.ndim == 2:
        weights = _ridge(features, np.asarray(target, dtype=np.float64))
        return r2(np.asarray(other_target, dtype=np.float64), _apply(weights, np.clip(other, -10, 10)))
    weights = _ridge(features, np.eye(int(target.max()) + 1)[target])
    return float((_apply(weights, np.clip(other, -10, 10)).argmax(axis=1) == other_target).mean())


def _linear_score(
    features: Array,
    target: NDArray[np.int64] | Array | None,
    other: Array | None,
    other_target: NDArray[np.int64] | Array | None,
) -> float | None:
    if target is None or other is None or other_target is None or len(other) < 10:
        return None
    return _fit_and_score(features, target, other, other_target)


def _giveaway(
    features: Array, target: NDArray[np.int64] | Array | None
) -> tuple[int | None, float | None, float | None]:
    """Return the feature that tells the target best on its own, its score, and the others' score."""
    if target is None or len(features) < 40 or (target.ndim == 2 and target.shape[1] > 1):
        return None, None, None
    half = len(features) // 2
    scores = np.array(
        [
            _alone(features[:half, column], target[:half], features[half:, column], target[half:])
            for column in range(features.shape[1])
        ]
    )
    best = int(scores.argmax())
    if scores[best] < TELLING:
        return best, float(scores[best]), None
    # A second copy of the answer is no other source of it.
    copies = np.abs(features.T @ features[:, best]) / len(features) > 0.99
    if copies.all():
        return best, float(scores[best]), _chance(target)
    rest = features[:, ~copies]
    together = _fit_and_score(rest[:half], target[:half], rest[half:], target[half:])
    return best, float(scores[best]), max(together, float(scores[~copies].max()))


def _exact(feature: Array, target: NDArray[np.int64] | Array | None) -> bool:
    """Say whether a standardised feature is the answer in other numbers, but for 1 % of its deviation."""
    if target is None:
        return False
    if target.ndim == 1:
        within = [feature[target == label].std() for label in np.unique(target)]
        return bool(np.median(within) < EXACT)
    order = np.argsort(target[:, 0], kind="stable")
    ranked = feature[order]
    middle = (ranked[:-2] + ranked[2:]) / 2
    return bool(np.median(np.abs(ranked[1:-1] - middle)) < EXACT)


def _alone(
    feature: Array, target: NDArray[np.int64] | Array, other: Array, other_target: NDArray[np.int64] | Array
) -> float:
    """Return how well the nearest values of one feature tell the target of other rows."""
    order = np.argsort(feature, kind="stable")
    known, answers = feature[order], target[order]
    right = np.clip(np.searchsorted(known, other), 1, len(known) - 1)
    left = right - 1
    gap = known[right] - known[left]
    share = np.where(gap > 0, (other - known[left]) / np.where(gap > 0, gap, 1.0), 0.0).clip(0, 1)
    if target.ndim == 1:
        return float((np.where(share < 0.5, answers[left], answers[right]) == other_target).mean())
    between = answers[left] + share[:, None] * (answers[right] - answers[left])
    return r2(np.asarray(other_target, dtype=np.float64), between)


def _shift(features: Array, other: Array, names: Sequence[str], divided_by: Sequence[str]) -> Shift | None:
    """Return how well a quadratic discriminant, fitted on half of the rows, tells the other half apart."""
    by_chance = [place for place, name in enumerate(names) if name not in divided_by]
    if min(len(features), len(other)) < 30 or not by_chance:
        return None
    features, other, names = (
        features[:, by_chance],
        other[:, by_chance],
        [names[place] for place in by_chance],
    )
    kept = MOST_ROWS // 8
    both = np.concatenate([features, other]).clip(-10, 10)
    origin = np.concatenate([np.zeros(len(features)), np.ones(len(other))])
    differs = np.abs(features.mean(axis=0) - other.mean(axis=0)) + np.abs(
        np.log((other.std(axis=0) + 1e-9) / (features.std(axis=0) + 1e-9))
    )
    columns = both[:, :kept]
    expanded = np.column_stack([columns, columns**2 - (columns**2).mean(axis=0)])
    fold = np.random.default_rng(0).random(len(both)) < 0.5
    scores = np.empty(len(both))
    for inside in (fold, ~fold):
        if len(np.unique(origin[inside])) < 2:
            return None
        centred = origin[inside, None] - origin[inside].mean()
        scores[~inside] = _apply(_ridge(expanded[inside], centred), expanded[~inside])[:, 0]
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    first, second = len(features), len(other)
    auc = (ranks[origin == 1].sum() - second * (second + 1) / 2) / (first * second)
    error = np.sqrt((first + second + 1) / (12 * first * second))
    return Shift(float(auc), float(auc - SIGMAS * error), names[int(differs.argmax())])
