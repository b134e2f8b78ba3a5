"""Points for the figures of an Evaluation: plain lists of numbers, few enough for a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation.classification import roc_auc

__all__ = ["calibration", "predicted_and_actual", "residuals", "roc_curves"]

Array = NDArray[Any]

MOST_POINTS = 200
MOST_CURVES = 20
MOST_ROWS = 2_000
BINS = 10


def roc_curves(target: Array, probabilities: Array, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return a ROC curve of the second of two classes, or of each of at most 20 classes against the rest.

    A class that none or all of the rows belong to has no curve. A curve has at most 200 points; steps
    in a straight line are left out, then evenly spaced ones are kept.
    """
    columns = [1] if probabilities.shape[1] == 2 else range(min(probabilities.shape[1], MOST_CURVES))
    curves = []
    for column in columns:
        positive = target == column
        if positive.any() and not positive.all():
            fpr, tpr = _roc(positive, probabilities[:, column])
            auc = roc_auc(positive.astype(np.int64), probabilities[:, column])
            curves.append({"label": labels[column], "fpr": fpr.tolist(), "tpr": tpr.tolist(), "auc": auc})
    return curves


def _roc(positive: Array, scores: Array) -> tuple[Array, Array]:
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.append(0, np.cumsum(positive[order])[ends])
    misses = np.append(0, ends + 1) - hits
    corner = np.ones(len(hits), dtype=bool)
    corner[1:-1] = np.diff(hits[:-1]) * np.diff(misses)[1:] != np.diff(hits)[1:] * np.diff(misses[:-1])
    kept = np.flatnonzero(corner)
    if len(kept) > MOST_POINTS:
        kept = kept[np.unique(np.linspace(0, len(kept) - 1, MOST_POINTS).round().astype(int))]
    return misses[kept] / misses[-1], hits[kept] / hits[-1]


def calibration(target: Array, probabilities: Array, labels: Sequence[str]) -> dict[str, Any]:
    """Return how often what was said to be likely came true, in ten bins of about equal rows.

    For two classes of the second class's probability, else of the most probable class's (Guo et al.,
    *On calibration of modern neural networks*, 2017). ``low`` and ``high`` are Wilson's 95 % interval of
    the observed share; ``error`` is the mean distance of observed from predicted, weighted by rows.
    """
    if probabilities.shape[1] == 2:
        said, came, of = probabilities[:, 1], target == 1, labels[1]
    else:
        said, came, of = probabilities.max(axis=1), probabilities.argmax(axis=1) == target, None
    edges = np.unique(np.quantile(said, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, said, side="left")
    rows = np.bincount(bins, minlength=len(edges) + 1)
    filled = rows > 0
    predicted = np.bincount(bins, said, minlength=len(rows))[filled] / rows[filled]
    observed = np.bincount(bins, came, minlength=len(rows))[filled] / rows[filled]
    rows = rows[filled]
    low, high = _wilson(observed, rows)
    return {
        "predicted": predicted.tolist(),
        "observed": observed.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "rows": rows.tolist(),
        "error": float((np.abs(observed - predicted) * rows).sum() / rows.sum()),
        "of": of,
    }


def _wilson(share: Array, rows: Array, z: float = 1.96) -> tuple[Array, Array]:
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def predicted_and_actual(target: Array, prediction: Array, seed: int) -> dict[str, Any]:
    """Return predictions and truths of the same at most 2,000 rows, a list per target; shapes (N, T)."""
    rows = np.arange(len(target))
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    return {
        "actual": target[rows].T.tolist(),
        "predicted": prediction[rows].T.tolist(),
        "sample": rows.tolist(),
    }


def residuals(target: Array, prediction: Array) -> list[dict[str, Any]]:
    """Return a histogram of prediction minus truth for each target; the shapes are (N, T).

    It is empty where the range is not finite. Bins are by Freedman and Diaconis's rule, at least 5 and at
    most 60.
    """
    with np.errstate(over="ignore"):
        errors = (prediction - target).T
    histograms = []
    for error in errors:
        width, low, high = 0.0, float(error.min()), float(error.max())
        if np.isfinite(high - low):
            width = 2 * float(np.subtract(*np.quantile(error, (0.75, 0.25)))) / len(error) ** (1 / 3)
            bins = int(np.clip((high - low) / width, 5, 60)) if width > 0 else 5
            if high - low <= 1e-12 * max(abs(low), abs(high)):
                margin = max(0.5, 1e-3 * abs(low))
                bins, low, high = 1, low - margin, high + margin
            counts, edges = np.histogram(error, bins=bins, range=(low, high))
            histograms.append({"edges": edges.tolist(), "counts": counts.tolist()})
        else:
            histograms.append({"edges": [], "counts": []})
    return histograms
