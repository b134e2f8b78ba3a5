"""Suspected leakage: columns that say the target nearly alone, and numbers that add up to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.analysis.discrete import discrete
from goodfit.data.columns import as_numbers

__all__ = ["MOST_ROWS", "Sum", "Teller", "sum_of_columns", "tellers", "telling_texts"]

MOST_ROWS = 20_000
FEWEST_ROWS = 40
TELLS = 0.9
"""Share of the errors of the best constant prediction that a column must remove to be suspected (of the
squared error for numbers)."""
MOST_COLUMNS = 25
ADDS_UP = 0.99999
MOST_TERMS = 3

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Teller:
    """A column from which the target can nearly be read.

    ``score`` is the accuracy, or R2 for numbers, of predicting from it alone on rows not learned from;
    ``chance`` that of the best constant.
    """

    name: str
    score: float
    chance: float


@dataclass(frozen=True)
class Sum:
    """Columns whose weighted sum is the target."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    r2: float


def tellers(columns: Sequence[pl.Series], target: pl.Series, *, classes: bool) -> list[Teller]:
    """Return the columns that say the target nearly alone: they remove 90 % of the errors of a constant.

    Each is judged on rows that it was not learned from, by its values (categories), or by the nearest known
    values (numbers). Whether such a column is known when one predicts is for people to say.
    """
    if len(target) < FEWEST_ROWS:
        return []
    wanted = discrete(target, len(target)).astype(np.float64) if classes else as_numbers(target)
    fold = np.random.default_rng(0).random(len(target)) < 0.5
    found = []
    for series in columns:
        by_value = not (series.dtype.is_numeric() or series.dtype.is_temporal())
        feature = discrete(series, 20, 1000).astype(np.float64) if by_value else _filled(series)
        predicted = np.empty(len(target))
        for inside in (fold, ~fold):
            predict = _by_value if by_value or len(np.unique(feature)) <= 50 else _by_neighbours
            predicted[~inside] = predict(feature[inside], wanted[inside], feature[~inside], classes=classes)
        found += _suspected(series.name, predicted, wanted, classes=classes)
    return sorted(found, key=lambda item: -item.score)


def telling_texts(said: Mapping[str, Values], target: pl.Series, *, classes: bool) -> list[Teller]:
    """Return the columns of texts that say the target nearly alone, by what `told_by_texts` found."""
    if len(target) < FEWEST_ROWS:
        return []
    wanted = discrete(target, len(target)).astype(np.float64) if classes else as_numbers(target)
    if classes and wanted.max() <= 1:
        said = {name: (values > 0.5).astype(np.float64) for name, values in said.items()}
    found = [_suspected(name, values, wanted, classes=classes) for name, values in said.items()]
    return [teller for each in found for teller in each]


def _suspected(name: str, predicted: Values, wanted: Values, *, classes: bool) -> list[Teller]:
    chance = float(np.bincount(wanted.astype(np.int64)).max() / len(wanted)) if classes else 0.0
    score = float((predicted == wanted).mean()) if classes else _r2(wanted, predicted)
    tells = chance < 1 and (score - chance) / (1 - chance) >= TELLS
    return [Teller(name, score, chance)] if tells else []


def sum_of_columns(columns: Sequence[pl.Series], target: pl.Series) -> Sum | None:
    """Return two or three columns of numbers whose weighted sum is the target, None where there are none."""
    numbers = [series for series in columns if series.dtype.is_numeric() and series.null_count() == 0]
    if len(numbers) < 2 or len(target) < FEWEST_ROWS:
        return None
    matrix = np.column_stack([as_numbers(series) for series in numbers])
    wanted = as_numbers(target)
    deviation = matrix.std(axis=0)
    kept = np.flatnonzero(deviation > 0)
    centred = (matrix[:, kept] - matrix[:, kept].mean(axis=0)) / deviation[kept]
    y = wanted - wanted.mean()
    relevance = np.abs(centred.T @ y)
    chosen = np.sort(np.argsort(-relevance, kind="stable")[:MOST_COLUMNS])
    square, product = centred.T @ centred, centred.T @ y
    total = float(y @ y)
    if total == 0:
        return None
    for terms in range(2, MOST_TERMS + 1):
        for places in combinations(chosen.tolist(), terms):
            index = np.ix_(places, places)
            if np.linalg.cond(square[index]) > 1e8:
                continue
            weights = np.linalg.solve(square[index], product[list(places)])
            r2 = float(weights @ product[list(places)]) / total
            share = np.abs(weights) * np.sqrt(np.diag(square)[list(places)] / total)
            if r2 >= ADDS_UP and share.min() > 0.01:
                names = tuple(numbers[int(kept[place])].name for place in places)
                return Sum(names, tuple((weights / deviation[kept[list(places)]]).tolist()), r2)
    return None


def _filled(series: pl.Series) -> Values:
    values = as_numbers(series.to_physical() if series.dtype.is_temporal() else series)
    known = values[~np.isnan(values)]
    low = float(known.min()) - 1 - float(np.ptp(known)) if len(known) else 0.0
    return np.where(np.isnan(values), low, values)


def _by_value(feature: Values, target: Values, other: Values, *, classes: bool) -> Values:
    """Predict by the commonest class, or the mean, of the same value; of all for values not seen."""
    values, codes = np.unique(feature, return_inverse=True)
    if classes:
        codes_of_classes = target.astype(np.int64)
        counts = np.zeros((len(values), int(codes_of_classes.max()) + 1))
        np.add.at(counts, (codes, codes_of_classes), 1)
        answers, otherwise = counts.argmax(axis=1), int(np.bincount(codes_of_classes).argmax())
    else:
        answers = np.bincount(codes, target) / np.bincount(codes)
        otherwise = target.mean()
    place = np.searchsorted(values, other).clip(0, len(values) - 1)
    return np.asarray(np.where(values[place] == other, answers[place], otherwise))


def _by_neighbours(feature: Values, target: Values, other: Values, *, classes: bool) -> Values:
    """Predict by the nearest value, or between the two around (interpolated); equal values share a mean."""
    if classes:
        order = np.argsort(feature, kind="stable")
        known, answers = feature[order], target[order]
    else:
        known, codes = np.unique(feature, return_inverse=True)
        answers = np.bincount(codes, target) / np.bincount(codes)
        return np.asarray(np.interp(other, known, answers))
    right = np.searchsorted(known, other).clip(1, len(known) - 1)
    nearer_left = np.abs(other - known[right - 1]) <= np.abs(known[right] - other)
    return np.asarray(np.where(nearer_left, answers[right - 1], answers[right]))


def _r2(actual: Values, predicted: Values) -> float:
    whole = float(((actual - actual.mean()) ** 2).sum())
    return 1 - float(((actual - predicted) ** 2).sum()) / whole if whole > 0 else 0.0
