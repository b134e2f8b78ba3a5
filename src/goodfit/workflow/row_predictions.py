"""What is said of each test row beside what is true of it: what runs are compared by."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import nn

from goodfit.data.facts import TableFacts
from goodfit.data.targets import decode_target
from goodfit.predicting import of_each_class, predict_rows, prediction_frame
from goodfit.training.losses import Loss
from goodfit.workflow.parts import Parts

__all__ = ["row_predictions"]


def row_predictions(
    model: nn.Module, loss: Loss, parts: Parts, task: str | None, threshold: float | None = None
) -> pl.DataFrame | None:
    """Return the test rows of ``parts``: ``row``, the truth, ``prediction`` and for classes ``p_<class>``.

    ``row`` counts from 0 in the data that the rows were divided from, or in the test data that were given.
    Several targets have ``truth_<name>`` and ``prediction_<name>``. None where there are no test rows, where
    they do not lie in memory, or where the loss does not say what is predicted.
    """
    if parts.test is None or parts.test.kind != "tensors":
        return None
    inputs, target = parts.test.content
    if parts.table is None and (task not in ("binary", "multiclass", "regression") or target is None):
        return None
    predicted = predict_rows(model, loss, inputs)
    if predicted.ndim != 2:
        return None
    rows = np.arange(len(predicted)) if parts.test_rows is None else parts.test_rows
    if parts.table is not None:
        said = prediction_frame(predicted, parts.table, threshold=threshold)
        columns = _truth(target.numpy(), parts.table)
    else:
        said = _plain(predicted, classes=task != "regression")
        columns = _named("truth", target.numpy().reshape(len(predicted), -1))
    return pl.DataFrame({"row": rows, **columns}).hstack(said)


def _truth(target: NDArray[Any], table: TableFacts) -> dict[str, Any]:
    truth, names = decode_target(table.preparation.target, target), table.profile.targets
    if len(names) == 1:
        return {"truth": pl.Series(truth.reshape(-1).tolist())}
    return {f"truth_{name}": truth[:, place] for place, name in enumerate(names)}


def _plain(predicted: NDArray[Any], *, classes: bool) -> pl.DataFrame:
    if not classes:
        return pl.DataFrame(_named("prediction", predicted))
    each = of_each_class(predicted)
    shares = {f"p_{code}": each[:, code].astype(np.float64) for code in range(each.shape[1])}
    return pl.DataFrame({"prediction": each.argmax(1), **shares})


def _named(word: str, values: NDArray[Any]) -> dict[str, Any]:
    if values.shape[1] == 1:
        return {word: values[:, 0]}
    return {f"{word}_{place}": values[:, place] for place in range(values.shape[1])}
