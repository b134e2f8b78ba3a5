"""How far a score could have come out differently: bootstrap intervals over the rows evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation import classification
from goodfit.evaluation.classification import Counts
from goodfit.evaluation.metrics import Metric, class_count, measure
from goodfit.evaluation.scores import Score

__all__ = ["MOST_ROWS", "advantage", "bootstrap", "interval"]

Array = NDArray[Any]
Weighted = Callable[[Array], Array]

MOST_ROWS = 10_000
_MOST_PARTS = 10
_MOST_WORK = 5e7
_CELLS_AT_ONCE = 500_000


def bootstrap(
    target: Array,
    predictions: Mapping[str, Array],
    metrics: Sequence[Metric],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Array]]:
    """Resample the rows with replacement and tell how far every metric strays.

    Every prediction sees the same resamples, so that differences are paired. Above `MOST_ROWS` rows the
    resamples are divided among at most ten random disjoint parts of that size; how far they stray from
    their part's mean is scaled down by the root of the share of rows in a part (a bootstrap of fewer than
    n rows: Politis, Romano and Wolf, *Subsampling*, 1999; Kleiner et al., *A scalable bootstrap for massive
    data*, 2014). With more than five classes parts are smaller, so that the work stays the same.

    Parameters
    ----------
    target
        Class codes (N,), or values (N,) or (N, T).
    predictions
        By name, probabilities (N, C) or values like ``target``.
    metrics
        What to measure.
    resamples
        How many resamples.
    seed
        Chooses the resamples; no other random state is read or changed.

    Returns
    -------
    dict
        By prediction and metric, the metric of each resample minus that of the rows, shape (resamples,);
        NaN where it is not defined, as ROC AUC of a resample of one class.

    References
    ----------
    Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993.
    """
    rng = np.random.default_rng(seed)
    parts = _parts(target, predictions, resamples, rng)
    ends = np.linspace(0, resamples, len(parts) + 1).astype(int)
    strayed = {name: {item.name: np.full(resamples, np.nan) for item in metrics} for name in predictions}
    for part, first, last in zip(parts, ends[:-1], ends[1:], strict=True):
        said = {name: prediction[part] for name, prediction in predictions.items()}
        found = _resampled(target[part], said, metrics, last - first, rng)
        for name, metric, point, values in found:
            centre = point if len(parts) == 1 else _mean_of_known(values)
            strayed[name][metric][first:last] = (values - centre) * np.sqrt(len(part) / max(len(target), 1))
    return strayed


def interval(value: float, strayed: Array) -> Score:
    """Return ``value`` with its 95 % percentile interval; NaN bounds where half the resamples have none.

    Examples
    --------
    >>> interval(50.0, np.arange(-20.0, 21.0))
    Score(value=50.0, low=31.0, high=69.0)
    """
    known = strayed[~np.isnan(strayed)]
    if np.isnan(value) or not len(known) or len(known) * 2 < len(strayed):
        return Score(value, float("nan"), float("nan"))
    low, high = np.quantile(known, (0.025, 0.975))
    return Score(value, float(value + low), float(value + high))


def advantage(metric: Metric, ours: tuple[float, Array], theirs: tuple[float, Array]) -> Score:
    """Return by how much we are better than they, with the interval of the paired difference.

    Parameters
    ----------
    metric
        What is compared; the sign is such that positive is better.
    ours, theirs
        The score, and how far the resamples strayed from it.
    """
    sign = 1 if metric.higher_is_better else -1
    return interval(sign * (ours[0] - theirs[0]), sign * (ours[1] - theirs[1]))


def _parts(
    target: Array, predictions: Mapping[str, Array], resamples: int, rng: np.random.Generator
) -> list[Array]:
    rows = len(target)
    columns = max((class_count(prediction) for prediction in predictions.values()), default=2)
    most = int(np.clip(_MOST_WORK / max(resamples * columns, 1), 500, MOST_ROWS))
    if rows <= most:
        return [np.arange(rows)]
    parts = min(_MOST_PARTS, -(-rows // most), max(resamples, 1))
    size = min(most, rows // parts)
    chosen = rng.permutation(rows)[: parts * size]
    return [np.sort(part) for part in chosen.reshape(parts, size)]


def _resampled(
    target: Array,
    predictions: Mapping[str, Array],
    metrics: Sequence[Metric],
    resamples: int,
    rng: np.random.Generator,
) -> list[tuple[str, str, float, Array]]:
    """Return, for each prediction and metric that has a value, the value and that of each resample."""
    points = {name: measure(metrics, target, prediction) for name, prediction in predictions.items()}
    ways = [
        (name, item.name, points[name][item.name], _weighted(item, target, prediction))
        for name, prediction in predictions.items()
        for item in metrics
        if np.isfinite(points[name][item.name])
    ]
    values = np.empty((len(ways), resamples))
    for first, last in _batches(resamples, len(target)):
        weights = _weights(len(target), last - first, rng)
        for row, (*_, way) in enumerate(ways):
            values[row, first:last] = way(weights)
    return [(name, metric, point, values[row]) for row, (name, metric, point, _) in enumerate(ways)]


def _mean_of_known(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _batches(resamples: int, rows: int) -> list[tuple[int, int]]:
    most = max(1, _CELLS_AT_ONCE // max(rows, 1))
    return [(start, min(start + most, resamples)) for start in range(0, resamples, most)]


def _weights(rows: int, resamples: int, rng: np.random.Generator) -> Array:
    """Return how often each row is in each resample, shape (resamples, rows)."""
    drawn = rng.integers(0, rows, (resamples, rows))
    drawn += np.arange(0, resamples * rows, rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * rows).reshape(resamples, rows).astype(np.float64)


def _weighted(metric: Metric, target: Array, prediction: Array) -> Weighted:
    """Return the metric as a function of weights (resamples, rows)."""
    several_labels = target.ndim == 2 and metric.needs != "values"
    if metric.needs == "counts" and not several_labels:
        return _of_counts(metric, target, prediction)
    if metric.name in _WEIGHTED and not several_labels:
        return _WEIGHTED[metric.name](target, prediction)

    def one_by_one(weights: Array) -> Array:
        rows = np.arange(len(target))
        chosen = (np.repeat(rows, weight.astype(int)) for weight in weights)
        return np.array([metric(target[some], prediction[some]) for some in chosen])

    return one_by_one


def _mean(of_rows: Array) -> Weighted:
    return lambda weights: np.asarray(weights @ of_rows / len(of_rows))


def _accuracy(target: Array, prediction: Array) -> Weighted:
    return _mean((classification.labels_of(target, prediction) == target).astype(np.float64))


def _log_loss(target: Array, prediction: Array) -> Weighted:
    return _mean(classification.log_loss_rows(target, prediction))


def _brier(target: Array, prediction: Array) -> Weighted:
    return _mean(classification.brier_rows(target, prediction))


def _mse(target: Array, prediction: Array) -> Weighted:
    return _mean(np.square(_matrix(target) - _matrix(prediction)).mean(axis=1))


def _mae(target: Array, prediction: Array) -> Weighted:
    return _mean(np.abs(_matrix(target) - _matrix(prediction)).mean(axis=1))


def _rmse(target: Array, prediction: Array) -> Weighted:
    squares = np.square(_matrix(target) - _matrix(prediction))
    return lambda weights: np.asarray(np.sqrt(weights @ squares / len(squares)).mean(axis=1))


def _r2(target: Array, prediction: Array) -> Weighted:
    values = _matrix(target)
    squares, centred = np.square(values - _matrix(prediction)), values - values.mean(axis=0)

    def weighted(weights: Array) -> Array:
        left = weights @ squares
        total = weights @ np.square(centred) - np.square(weights @ centred) / len(values)
        varies = total > 1e-12 * np.square(centred).sum(axis=0)
        return np.asarray(np.where(varies, 1 - left / np.where(varies, total, 1), np.nan).mean(axis=1))

    return weighted


def _of_counts(metric: Metric, target: Array, prediction: Array) -> Weighted:
    classes = class_count(prediction)
    actual = np.eye(classes)[target]
    said = np.eye(classes)[classification.labels_of(target, prediction)]
    columns = np.hstack([actual * said, actual, said])

    def weighted(weights: Array) -> Array:
        hits, true, predicted = np.split(weights @ columns, 3, axis=1)
        return np.asarray(metric.function(Counts(hits, true, predicted, binary=classes == 2)))

    return weighted


def _roc_auc(target: Array, prediction: Array) -> Weighted:
    if class_count(prediction) == 2:
        return _auc(target == 1, prediction.reshape(len(target), -1)[:, -1])
    ways = [_auc(target == column, prediction[:, column]) for column in np.unique(target)]

    def weighted(weights: Array) -> Array:
        areas = np.array([way(weights) for way in ways])
        known = ~np.isnan(areas)
        count = known.sum(axis=0)
        return np.where(count > 0, np.where(known, areas, 0).sum(axis=0) / np.maximum(count, 1), np.nan)

    return weighted


def _auc(positive: Array, scores: Array) -> Weighted:
    """Count, for each resample, the pairs of a positive and a negative row in the right order."""
    above, below = np.flatnonzero(positive), np.flatnonzero(~positive)
    below = below[np.argsort(scores[below], kind="stable")]
    first, last = (np.searchsorted(scores[below], scores[above], side) for side in ("left", "right"))
    ties = bool((first != last).any())

    def weighted(weights: Array) -> Array:
        passed = np.zeros((len(weights), len(below) + 1))
        np.cumsum(np.take(weights, below, axis=1), axis=1, out=passed[:, 1:])
        beaten = np.take(passed, first, axis=1)
        if ties:
            beaten = (beaten + np.take(passed, last, axis=1)) / 2
        chosen = np.take(weights, above, axis=1)
        pairs = chosen.sum(axis=1) * passed[:, -1]
        right = np.einsum("ij,ij->i", chosen, beaten)
        return np.asarray(np.divide(right, pairs, out=np.full(len(weights), np.nan), where=pairs > 0))

    return weighted


def _matrix(values: Array) -> Array:
    return values.reshape(len(values), -1).astype(np.float64)


_WEIGHTED: Mapping[str, Callable[[Array, Array], Weighted]] = {
    "accuracy": _accuracy,
    "log_loss": _log_loss,
    "brier": _brier,
    "roc_auc": _roc_auc,
    "mse": _mse,
    "mae": _mae,
    "rmse": _rmse,
    "r2": _r2,
}
