"""Partial dependence: how predictions go with one column, all others as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.applying import apply_preparation
from goodfit.data.facts import TableFacts
from goodfit.data.preparation import Inputs
from goodfit.data.targets import decode_target
from goodfit.explanation.importance import Dependence
from goodfit.explanation.places import Place, places
from goodfit.predicting import of_each_class

__all__ = ["partial_dependences"]

COLUMNS = 4
POINTS = 16
LEVELS = 8
FEWEST_ROWS, MOST_ROWS = 50, 300
SPREAD = (0.1, 0.9)

Array = NDArray[Any]


def partial_dependences(
    predict: Callable[[Inputs], Array],
    facts: TableFacts,
    frame: pl.DataFrame,
    inputs: Inputs,
    names: Sequence[str],
    *,
    passes: float,
) -> tuple[Dependence, ...]:
    """Give a column each of a few values in every row, and tell the mean and the spread of the predictions.

    Numbers and moments get at most 16 of their values, at even steps through the sorted middle 98 % of the
    rows; categories their 8 most frequent values. Told is the probability of the second of two classes; of
    more classes, or of several numbers, of the one that moves most. At most 300 rows are used.

    Parameters
    ----------
    predict
        Prepared rows to probabilities, or to encoded numbers.
    frame, inputs
        The same rows, typed and prepared.
    names
        Columns by falling importance; the first four that are no texts are looked at.
    passes
        How many rows may go through the network; 50 of the rows do in any case.

    References
    ----------
    Friedman, *Greedy function approximation: a gradient boosting machine*, Annals of Statistics 29, 2001;
    Goldstein et al., *Peeking inside the black box*, JCGS 24, 2015.
    """
    known = {place.name: place for place in places(facts.preparation)}
    kinds = {column.name: column.kind for column in facts.preparation.columns}
    chosen = [name for name in names if kinds[name] in ("number", "category", "boolean", "datetime")]
    most = min(int(np.clip(passes / (COLUMNS * POINTS), FEWEST_ROWS, MOST_ROWS)), frame.height)
    rows = np.linspace(0, frame.height - 1, most).astype(np.int64)
    base = Inputs(inputs.numbers[rows], inputs.categories[rows])
    found = []
    for name in chosen[:COLUMNS]:
        grid = _grid(frame[name], kinds[name])
        if len(grid) > 1:
            predictions = predict(_with_values(base, grid, known[name], facts))
            told, of = _told(predictions, len(grid), facts)
            low, high = np.quantile(told, SPREAD, axis=1)
            ways = (tuple(way.tolist()) for way in (told.mean(axis=1), low, high))
            found.append(Dependence(name, kinds[name], of, _spelled(grid, kinds[name]), *ways))
    return tuple(found)


def _with_values(base: Inputs, grid: pl.Series, place: Place, facts: TableFacts) -> Inputs:
    """Return the rows once for each value, point after point."""
    column = next(column for column in facts.preparation.columns if column.name == place.name)
    given = apply_preparation(replace(facts.preparation, columns=(column,)), grid.to_frame())
    numbers, categories = np.tile(base.numbers, (len(grid), 1)), np.tile(base.categories, (len(grid), 1))
    if place.category is None:
        numbers[:, place.numbers] = np.repeat(given.numbers, len(base), axis=0)
    else:
        categories[:, place.category] = np.repeat(given.categories[:, 0], len(base))
    return Inputs(numbers, categories)


def _grid(series: pl.Series, kind: str) -> pl.Series:
    """Return the values that the column is given, in order."""
    known = series.drop_nulls()
    if kind == "category":
        counts = known.cast(pl.String).alias("value").value_counts(name="rows")
        top = counts.sort(["rows", "value"], descending=[True, False]).head(LEVELS)
        return top["value"].alias(series.name)
    if known.dtype.is_float():
        known = known.filter(known.is_finite())
    different = known.unique().sort()
    if len(different) > POINTS:
        steps = np.linspace(0.01, 0.99, POINTS) * (len(known) - 1)
        different = known.sort().gather(steps.round().astype(np.int64)).unique(maintain_order=True)
    return different.alias(series.name)


def _told(predictions: Array, points: int, facts: TableFacts) -> tuple[Array, str]:
    """Return what is told, shape (points, rows), and of which class or target."""
    classes = facts.profile.classes
    names = list(facts.profile.targets)
    if classes:
        names = [f"{names[0]} = {label}" for label in classes]
    if classes:
        values = np.asarray(of_each_class(predictions), dtype=np.float64)
    else:
        values = decode_target(facts.preparation.target, predictions)
    values = values.reshape(points, -1, len(names))
    scale = 1.0 if classes else np.maximum(values.std(axis=(0, 1)), 1e-300)
    place = 1 if len(classes) == 2 else int(np.argmax(np.ptp(values.mean(axis=1), axis=0) / scale))
    return values[:, :, place], names[place]


def _spelled(grid: pl.Series, kind: str) -> tuple[float | str, ...]:
    if kind == "number":
        return tuple(grid.cast(pl.Float64).to_list())
    if kind == "datetime":
        moments = grid.cast(pl.Datetime("us")).dt
        whole = bool((moments.hour() == 0).all() and (moments.minute() == 0).all())
        return tuple(moments.to_string("%Y-%m-%d" if whole else "%Y-%m-%d %H:%M").to_list())
    return tuple(str(value).lower() if kind == "boolean" else str(value) for value in grid.to_list())
