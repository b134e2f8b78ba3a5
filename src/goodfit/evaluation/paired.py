"""Whether two models differ: tests on the same rows, and over the same seeds or folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation.scores import Score
from goodfit.evaluation.spread import student

__all__ = ["Paired", "bootstrap_p", "holm", "mcnemar", "paired_t"]

Array = NDArray[Any]


class Paired(NamedTuple):
    """A paired difference: its mean with a 95 % interval, its p-value, and the pairs it is from."""

    difference: Score
    p: float
    pairs: int


def paired_t(first: Sequence[float], second: Sequence[float], *, test_share: float = 0.0) -> Paired | None:
    """Compare two models over the same seeds, or over the same folds, by Student's paired t test.

    Parameters
    ----------
    first, second
        A score of each, in the same order; pairs with a score that is no number are left out.
    test_share
        Of folds: rows left out over rows trained on. Folds share most of their training rows, so their
        variance is corrected by it (Nadeau and Bengio, *Inference for the generalization error*, 2003).

    Returns
    -------
    Paired or None
        Second minus first; None where there are fewer than two pairs.

    Examples
    --------
    >>> found = paired_t([1.0, 2.0, 3.0, 4.0], [1.5, 2.4, 3.6, 4.5])
    >>> round(found.difference.value, 3), round(found.p, 4)
    (0.5, 0.0012)
    """
    values = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    values = values[np.isfinite(values)]
    count = len(values)
    if count < 2:
        return None
    mean = float(values.mean())
    error = float(values.std(ddof=1)) * math.sqrt(1 / count + test_share)
    if error == 0:
        return Paired(Score(mean, mean, mean), 1.0 if mean == 0 else 0.0, count)
    from scipy.special import stdtr

    room = student(0.975, count - 1) * error
    p = 2 * float(stdtr(count - 1, -abs(mean) / error))
    return Paired(Score(mean, mean - room, mean + room), p, count)


def mcnemar(first_right: Array, second_right: Array) -> tuple[int, int, float]:
    """Compare which rows two classifiers get right, by McNemar's exact test.

    Only rows that one of them gets right and the other wrong say anything; were both as good, each would be
    the right one in half of them (McNemar 1947; Dietterich, *Approximate statistical tests for comparing
    supervised classification learning algorithms*, 1998).

    Returns
    -------
    tuple
        Rows that only the first gets right, rows that only the second does, and the two-sided p-value.

    Examples
    --------
    >>> import numpy as np
    >>> mcnemar(np.array([1, 1, 0, 0, 1], bool), np.array([1, 0, 1, 1, 1], bool))
    (1, 2, 1.0)
    """
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    differing = only_first + only_second
    if not differing:
        return 0, 0, 1.0
    from scipy.special import bdtr

    p = 2 * float(bdtr(min(only_first, only_second), differing, 0.5))
    return only_first, only_second, min(1.0, p)


def bootstrap_p(difference: float, strayed: Array) -> float:
    """Return the two-sided p-value of a difference whose resamples strayed from it like this.

    The share of resamples on the other side of zero, doubled; never less than their number can tell (Davison
    and Hinkley, *Bootstrap Methods and their Application*, 1997). NaN where no resample has a value.

    Examples
    --------
    >>> bootstrap_p(0.5, np.linspace(-1, 1, 99))
    0.52
    """
    known = difference + strayed[~np.isnan(strayed)]
    if not len(known) or math.isnan(difference):
        return math.nan
    below, above = int((known <= 0).sum()), int((known >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(known) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for there being several, by Holm's method (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [math.nan] * len(p_values)
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[place] = highest
    return adjusted
