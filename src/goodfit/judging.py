"""A trained network and rows it never saw to an Evaluation, beside the baselines on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from goodfit.evaluation.evaluate import evaluate
from goodfit.predicting import of_each_class, predict_rows
from goodfit.training.losses import Loss

if TYPE_CHECKING:
    from goodfit.data.facts import TableFacts, TypedRows
    from goodfit.evaluation.baselines import Predictor
    from goodfit.evaluation.scores import Evaluation, WorstRow

__all__ = ["arrays_of", "evaluate_rows", "said_of_rows", "units", "worst_frame"]

MOST_VALUES = 50
"""Columns of a row that it gets most wrong whose values are kept."""


def evaluate_rows(
    model: nn.Module,
    loss: Loss,
    inputs: Any,
    target: Tensor,
    *,
    table: TableFacts,
    baselines: Mapping[str, Predictor],
    metrics: Sequence[Any] = (),
    seed: int = 0,
    threshold: float | None = None,
    resamples: int = 1000,
    rows: TypedRows | None = None,
    linear: bool = False,
) -> Evaluation:
    """Return the Evaluation of prepared rows of a table; numbers are brought back to the data's own units.

    Parameters
    ----------
    inputs
        Prepared inputs, as the network takes them.
    target
        Encoded target.
    baselines
        Predictors of encoded targets.
    threshold
        Probability from which on the second of two classes is predicted; None: one half.
    rows
        The same rows before they were prepared, to say which those are that it gets most wrong.
    linear
        Whether the network is itself a linear model.
    seed, resamples
        Of the bootstrap, see `goodfit.evaluation.evaluate.evaluate`.
    """
    actual, predicted, others = said_of_rows(model, loss, inputs, target, table, baselines)
    evaluation = evaluate(
        actual,
        predicted,
        task=table.profile.task,
        targets=table.profile.targets,
        classes=table.profile.classes,
        baselines=others,
        metrics=metrics,
        seed=seed,
        threshold=threshold,
        resamples=resamples,
    )
    evaluation = replace(evaluation, linear=linear)
    if rows is None:
        return evaluation
    names = [column.name for column in table.profile.used[:MOST_VALUES]]
    worst = []
    for item in evaluation.worst:
        exact = None if table.profile.classes else rows.actual(item.row, table.profile.targets)
        actual = item.actual if exact is None else exact
        number, values = int(rows.numbers[item.row]), rows.values(item.row, names)
        worst.append(replace(item, row=number, actual=actual, values=values))
    return replace(evaluation, worst=tuple(worst))


def worst_frame(worst: Sequence[WorstRow], *, pandas: bool) -> Any:
    """Return rows that the network gets most wrong as a pandas or a polars frame.

    A column of the table that is called as one of ours has an underscore added.
    """
    import polars as pl

    own = ("row", "actual", "predicted", "loss")
    columns: dict[str, list[Any]] = {name: [getattr(item, name) for item in worst] for name in own}
    for name in worst[0].values if worst else ():
        columns[f"{name}_" if name in own else name] = [item.values[name] for item in worst]
    if pandas:
        import pandas as pd

        return pd.DataFrame(columns)
    return pl.DataFrame(columns, strict=False, infer_schema_length=None)


def said_of_rows(
    model: nn.Module,
    loss: Loss,
    inputs: Any,
    target: Tensor,
    table: TableFacts,
    baselines: Mapping[str, Predictor],
) -> tuple[NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]:
    """Return what is true of prepared rows, what the network says, and what the baselines say.

    Codes and probabilities for classes, numbers in the data's own units otherwise.
    """
    predicted = predict_rows(model, loss, inputs)
    others = {name: predictor(arrays_of(inputs)) for name, predictor in baselines.items()}
    actual: NDArray[Any] = target.numpy()
    if table.profile.classes:
        return actual, of_each_class(predicted), others
    others = {name: units(values, table) for name, values in others.items()}
    return units(actual, table), units(predicted, table), others


def units(values: NDArray[Any], table: TableFacts) -> NDArray[Any]:
    """Return encoded numbers in the data's own units; a single target as a plain row of numbers."""
    from goodfit.data.targets import decode_target

    decoded = decode_target(table.preparation.target, values)
    return decoded[:, 0] if decoded.ndim == 2 and decoded.shape[1] == 1 else decoded


def arrays_of(inputs: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the network's inputs as the arrays that the baselines take."""
    if isinstance(inputs, Tensor):
        return inputs.numpy(), None
    numbers, categories = inputs
    return numbers.numpy(), np.asarray(categories.numpy())
