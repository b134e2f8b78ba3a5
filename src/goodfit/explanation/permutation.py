"""Permutation importance: what a network loses when one column no longer goes with its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import nn

from goodfit.data.applying import apply_preparation
from goodfit.data.facts import TableFacts, TypedRows, network_inputs
from goodfit.data.preparation import Inputs
from goodfit.data.targets import decode_target
from goodfit.evaluation.classification import log_loss_rows
from goodfit.explanation.dependence import partial_dependences
from goodfit.explanation.importance import ColumnImportance, Importance
from goodfit.explanation.places import Place, places
from goodfit.predicting import of_each_class, predict_rows, predicted_codes
from goodfit.training.losses import Loss
from goodfit.training.operations import counting_multiplications

__all__ = ["FEWEST_ROWS", "MOST_ROWS", "measure_importance"]

FEWEST_ROWS, MOST_ROWS = 10, 2000
REPEATS = 5
SAMPLED_ROWS, SAMPLED_COLUMNS = 200, 10
"""Rows and columns that are looked at however much that takes."""
BUDGET = 2e9
"""Multiplications of the network that are spent: about a tenth of a second on one core."""
NORMAL_95 = 1.96

Array = NDArray[Any]
Judge = Callable[[Array], tuple[Array, Array]]


@np.errstate(over="ignore", invalid="ignore")
def measure_importance(
    model: nn.Module,
    loss: Loss,
    facts: TableFacts,
    rows: TypedRows,
    *,
    seed: int = 0,
    threshold: float | None = None,
    budget: float = BUDGET,
) -> Importance | None:
    """Shuffle each column in turn and tell how much worse the predictions get.

    A column is one of the original table: all that became of it (indicators, cycles) is shuffled together.
    What grows is the log loss of classes, the absolute error of numbers; of several numbers the mean over
    them, each in units of its deviation. The interval is that of a mean over rows (normal approximation), of
    each row's increase averaged over the shuffles. Rows, shuffles and at last columns are limited to what
    ``budget`` allows; the columns looked at are then those that go most with the predictions.

    Parameters
    ----------
    rows
        Rows that the network was not trained on; at most 2,000 of them are used.
    threshold
        Probability from which on the second of two classes is predicted; None: one half.
    budget
        Multiplications of the network to be spent.

    Returns
    -------
    Importance
        None for fewer than 10 rows, or where some losses are no finite numbers.

    References
    ----------
    Breiman, *Random forests*, Machine Learning 45, 2001; Fisher, Rudin and Dominici, *All models are wrong,
    but many are useful*, JMLR 20, 2019.
    """
    if rows.frame.height < FEWEST_ROWS:
        return None
    random = np.random.default_rng(seed)
    every = places(facts.preparation)
    cost = _multiplications(model, facts, rows.frame)
    count, repeats, columns = _plan(min(rows.frame.height, MOST_ROWS), len(every), budget / cost)
    some = np.sort(random.choice(rows.frame.height, count, replace=False))
    frame, target = rows.frame[some], rows.target[some]
    inputs = apply_preparation(facts.preparation, frame, facts.source.name)

    def predict(some: Inputs) -> Array:
        return predict_rows(model, loss, network_inputs(some))

    judge = _judge(facts, target, threshold)
    predicted = predict(inputs)
    losses, right = judge(predicted)
    chosen = _foremost(every, inputs, predicted, columns)
    found = []
    for place, shuffled in zip(chosen, _shuffles(inputs, chosen, repeats, random), strict=True):
        judged = [judge(part) for part in np.split(predict(shuffled), repeats)]
        worse = np.mean([each for each, _ in judged], axis=0) - losses
        size = max(float(np.abs(worse).max()), 1e-300)
        strays = NORMAL_95 * size * float(np.std(worse / size, ddof=1)) / np.sqrt(count)
        increase = float(worse.mean())
        accuracy = float(np.mean([hits for _, hits in judged])) if facts.profile.classes else None
        found.append(ColumnImportance(place.name, increase, increase - strays, increase + strays, accuracy))
    if not all(np.isfinite([losses.mean(), *(end for column in found for end in (column.low, column.high))])):
        return None
    found.sort(key=lambda column: -column.increase)
    clear = [column.name for column in found if column.clear]
    return Importance(
        rows=count,
        repeats=repeats,
        metric="log_loss" if facts.profile.classes else "mae",
        loss=float(losses.mean()),
        accuracy=float(right.mean()) if facts.profile.classes else None,
        columns=tuple(found),
        left_out=len(every) - len(chosen),
        dependences=partial_dependences(predict, facts, frame, inputs, clear, passes=budget / cost / 2),
    )


def _multiplications(model: nn.Module, facts: TableFacts, frame: pl.DataFrame) -> float:
    """Return what one row takes, the overhead of small networks included."""
    inputs = network_inputs(apply_preparation(facts.preparation, frame.head(1), facts.source.name))
    with counting_multiplications(model) as found, torch.no_grad():
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        model(*(tensor.to(device) for tensor in (inputs if isinstance(inputs, tuple) else (inputs,))))
    return max(2000.0, sum(found))


def _plan(rows: int, columns: int, passes: float) -> tuple[int, int, int]:
    """Return how many rows, shuffles and columns can be had for ``passes`` of single rows.

    >>> _plan(2000, 10, 1e6), _plan(2000, 1000, 1e6), _plan(2000, 10_000, 1e6)
    ((2000, 5, 10), (1000, 1, 1000), (200, 1, 5000))
    """
    repeats = int(np.clip(passes / (rows * columns), 1, REPEATS))
    rows = int(np.clip(passes / (columns * repeats), min(rows, SAMPLED_ROWS), rows))
    return rows, repeats, int(np.clip(passes / (rows * repeats), min(columns, SAMPLED_COLUMNS), columns))


def _judge(facts: TableFacts, target: Array, threshold: float | None) -> Judge:
    """Return what tells each row's loss, and whether its class is right."""
    if facts.profile.classes:

        def of_classes(predicted: Array) -> tuple[Array, Array]:
            probabilities = np.asarray(of_each_class(predicted), dtype=np.float64)
            return log_loss_rows(target, probabilities), predicted_codes(probabilities, threshold) == target

        return of_classes
    actual = decode_target(facts.preparation.target, target)
    spread = np.maximum(actual.std(axis=0), 1e-300) if actual.shape[1] > 1 else 1.0

    def of_numbers(predicted: Array) -> tuple[Array, Array]:
        errors = np.abs(decode_target(facts.preparation.target, predicted) - actual) / spread
        return errors.mean(axis=1), np.zeros(len(errors))

    return of_numbers


def _shuffles(inputs: Inputs, chosen: list[Place], repeats: int, random: np.random.Generator) -> Any:
    """Yield for each place the rows ``repeats`` times over, shuffled there and nowhere else."""
    numbers, categories = np.tile(inputs.numbers, (repeats, 1)), np.tile(inputs.categories, (repeats, 1))
    for place in chosen:
        order = np.concatenate([random.permutation(len(inputs)) for _ in range(repeats)])
        part, where = (
            (numbers, place.numbers)
            if place.category is None
            else (categories, slice(place.category, place.category + 1))
        )
        kept = part[:, where].copy()
        part[:, where] = kept[order]
        yield Inputs(numbers, categories)
        part[:, where] = kept


def _foremost(every: tuple[Place, ...], inputs: Inputs, predicted: Array, count: int) -> list[Place]:
    """Return the columns that go most with the predictions: by correlation, or by the means of categories."""
    if count >= len(every):
        return list(every)
    outputs = _standardised(predicted.reshape(len(predicted), -1))
    squares = np.square(_standardised(inputs.numbers).T @ outputs / len(outputs)).max(axis=1, initial=0.0)

    def explained(place: Place) -> float:
        if place.category is None:
            return float(squares[place.numbers].max(initial=0.0))
        codes = inputs.categories[:, place.category]
        sums = np.stack([np.bincount(codes, column) for column in outputs.T], axis=1)
        of_codes = np.square(sums) / np.maximum(np.bincount(codes), 1)[:, None]
        return float(of_codes.sum(axis=0).max() / len(outputs))

    shares = np.array([explained(place) for place in every])
    return [every[number] for number in np.sort(np.argsort(-shares, kind="stable")[:count])]


def _standardised(values: Array) -> Array:
    values = values.astype(np.float64)
    return np.asarray((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-12))
