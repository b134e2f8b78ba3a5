"""Scores of classifiers as plain functions: exact over the rows given, fast enough for every epoch.

Classes are integer codes 0 to C - 1. Where a score does not exist (the ROC of rows that are all of one
class), it is NaN; nothing here warns or raises because of the data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Counts",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "brier_rows",
    "counts",
    "f1",
    "labels_of",
    "log_loss",
    "log_loss_rows",
    "precision",
    "recall",
    "roc_auc",
]

Array = NDArray[Any]


class Counts(NamedTuple):
    """How often each class was right, true, and predicted; the last axis runs over the classes.

    ``binary`` says that precision, recall and F1 are meant of the second class alone.
    """

    hits: Array
    actual: Array
    predicted: Array
    binary: bool


def labels_of(target: Array, probabilities: Array) -> Array:
    """Return the predicted class of each row, or for a 0/1 matrix ``target`` the predicted matrix.

    Parameters
    ----------
    target
        Shape (N,): codes; (N, L): several labels at once.
    probabilities
        (N, C), or (N,) and (N, 1): of the second class; (N, L) for several labels. Exactly one half
        counts for the first class, as ``argmax`` has it.
    """
    if target.ndim == 2:
        return (probabilities > 0.5).astype(np.int64)
    if probabilities.ndim == 1:
        return (probabilities > 0.5).astype(np.int64)
    if probabilities.shape[1] == 1:
        return (probabilities[:, 0] > 0.5).astype(np.int64)
    if probabilities.shape[1] == 2:
        return (probabilities[:, 1] > probabilities[:, 0]).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1))


def counts(target: Array, labels: Array, classes: int) -> Counts:
    """Count hits, true and predicted rows of each of ``classes`` classes (of each label for matrices)."""
    if target.ndim == 2:
        true, said = target > 0.5, labels > 0.5
        return Counts((true & said).sum(axis=0), true.sum(axis=0), said.sum(axis=0), binary=False)
    return Counts(
        np.bincount(target[target == labels], minlength=classes),
        np.bincount(target, minlength=classes),
        np.bincount(labels, minlength=classes),
        binary=classes == 2,
    )


def accuracy(target: Array, labels: Array) -> float:
    """Return the share of rows predicted right (for several labels: with every label right).

    Examples
    --------
    >>> accuracy(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]))
    0.75
    """
    right = target == labels
    if right.ndim == 2:
        right = right.all(axis=1)
    return float(np.count_nonzero(right) / len(right))


def balanced_accuracy(counted: Counts) -> Array:
    """Return the mean recall over the classes that occur in the rows."""
    occurs = counted.actual > 0
    return _ratio(_ratio(counted.hits, counted.actual).sum(-1), occurs.sum(-1), np.nan)


def precision(counted: Counts) -> Array:
    """Return the share of rows said to be of a class that are; 0 for a class never said."""
    return _averaged(counted, _ratio(counted.hits, counted.predicted))


def recall(counted: Counts) -> Array:
    """Return the share of a class's rows that were found; 0 for a class that does not occur."""
    return _averaged(counted, _ratio(counted.hits, counted.actual))


def f1(counted: Counts) -> Array:
    """Return the harmonic mean of precision and recall: of the second class, or the mean over classes.

    The mean runs over the classes that occur among the true or the predicted ones, as scikit-learn's
    ``average="macro"`` does.
    """
    return _averaged(counted, _ratio(2 * counted.hits, counted.actual + counted.predicted))


def _averaged(counted: Counts, scores: Array) -> Array:
    if counted.binary:
        return scores[..., 1]
    seen = counted.actual + counted.predicted > 0
    return _ratio((scores * seen).sum(-1), seen.sum(-1))


def _ratio(above: Array, below: Array, otherwise: float = 0.0) -> Array:
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(above, below, out=np.full_like(below, otherwise), where=below > 0)


def log_loss(target: Array, probabilities: Array) -> float:
    """Return the mean negative logarithm of the probability given to the true class.

    Probabilities are kept off 0 and 1 by the machine epsilon of their type, as in scikit-learn; for
    several labels it is the mean over rows and labels.
    """
    return float(log_loss_rows(target, probabilities).mean(dtype=np.float64))


def log_loss_rows(target: Array, probabilities: Array) -> Array:
    """Return the log loss of each row, shape (N,)."""
    smallest = float(np.finfo(probabilities.dtype).eps) if probabilities.dtype.kind == "f" else 2.3e-16
    if target.ndim == 2:
        given = np.where(target > 0.5, probabilities, 1 - probabilities)
        return np.asarray(-np.log(np.clip(given, smallest, 1 - smallest)).mean(axis=1))
    return np.asarray(-np.log(np.clip(_given_to_truth(target, probabilities), smallest, 1 - smallest)))


def _given_to_truth(target: Array, probabilities: Array) -> Array:
    if probabilities.ndim == 2 and probabilities.shape[1] > 1:
        return np.asarray(probabilities[np.arange(len(target)), target])
    second = probabilities.reshape(len(target))
    return np.where(target == 1, second, 1 - second)


def brier(target: Array, probabilities: Array) -> float:
    """Return the mean squared distance of the probabilities from the truth (Brier 1950).

    With two classes between 0 and 1, with more between 0 and 2, as in scikit-learn.
    """
    return float(brier_rows(target, probabilities).mean(dtype=np.float64))


def brier_rows(target: Array, probabilities: Array) -> Array:
    """Return the Brier score of each row, shape (N,)."""
    if probabilities.ndim == 1 or probabilities.shape[1] <= 2:
        return np.asarray((1 - _given_to_truth(target, probabilities).astype(np.float64)) ** 2)
    squares = np.einsum("ij,ij->i", probabilities, probabilities, dtype=np.float64)
    return np.asarray(squares + 1 - 2 * _given_to_truth(target, probabilities).astype(np.float64))


def roc_auc(target: Array, probabilities: Array) -> float:
    """Return the area under the ROC curve; for more than two classes the mean of one class against the rest.

    Classes that none or all of the rows belong to have no curve and are left out of the mean; NaN if
    that leaves none.
    """
    return _one_against_rest(target, probabilities, _auc)


def average_precision(target: Array, probabilities: Array) -> float:
    """Return the mean precision over the ranking, weighted by the steps of recall.

    For more than two classes the mean of one class against the rest; classes without a row are left
    out, and NaN if that leaves none.
    """
    return _one_against_rest(target, probabilities, _average_precision)


def _one_against_rest(target: Array, probabilities: Array, score: Any) -> float:
    if probabilities.ndim == 2 and target.ndim == 1 and probabilities.shape[1] <= 2:
        probabilities = probabilities[:, -1]
    if probabilities.ndim == 1:
        return float(score(target == 1, probabilities))
    columns = range(probabilities.shape[1])
    truth = [target[:, column] > 0.5 if target.ndim == 2 else target == column for column in columns]
    scores = [score(truth[column], probabilities[:, column]) for column in columns]
    known = [value for value in scores if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _auc(positive: Array, scores: Array) -> float:
    """Count the pairs in the right order, ties by half (Mann and Whitney 1947)."""
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(above) or not len(below):
        return float("nan")
    pairs = np.searchsorted(below, above, "left").sum() + np.searchsorted(below, above, "right").sum()
    return float(pairs / (2 * len(above) * len(below)))


def _average_precision(positive: Array, scores: Array) -> float:
    order = np.argsort(-scores)
    hits, ranked = np.cumsum(positive[order]), scores[order]
    if not len(hits) or not hits[-1]:
        return float("nan")
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    found = hits[last_of_tie]
    gained = np.diff(found, prepend=0) / found[-1]
    return float((gained * found / (last_of_tie + 1)).sum())
