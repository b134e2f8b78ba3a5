"""Test rows of one's own data to an Evaluation: as much as the loss says of the task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from goodfit.data.batches import Batches, count_rows
from goodfit.evaluation.evaluate import default_metrics, evaluate
from goodfit.evaluation.intervals import bootstrap, interval
from goodfit.evaluation.metrics import Metric, measure, resolve
from goodfit.evaluation.scores import ClassReport, Evaluation, Score
from goodfit.training.job import Job
from goodfit.training.measuring import evaluated
from goodfit.training.predicted import predicted_and_actual

__all__ = ["evaluate_own"]

MOST_COLUMNS = 20
"""Predicted columns above which they are scored together, as the pixels of an image are."""

RESAMPLES = 200
"""Of several labels each resample is scored anew, which takes longer."""

LABEL_METRICS = ("accuracy", "f1", "precision", "recall", "roc_auc", "average_precision")


def evaluate_own(job: Job, batches: Batches, task: str | None) -> Evaluation:
    """Go once through the test batches and return how good the network is on them.

    Parameters
    ----------
    task
        ``binary``, ``multiclass``, ``multilabel``, ``regression``, or None where the loss does not say: then
        the loss itself is the only score.
    """
    rows, loss, predicted, actual = _through(job, batches)
    seed = job.recipe.seed
    if task is None or predicted is None or actual is None:
        return Evaluation("other", rows, (), {"loss": Score(loss, math.nan, math.nan)}, main_metric="loss")
    if task == "multilabel":
        return _scored(
            "multilabel", predicted, actual, resolve(LABEL_METRICS, "multilabel"), job.metrics, seed
        )
    columns = predicted.shape[1] if predicted.ndim == 2 else 1
    if task == "regression" and columns > MOST_COLUMNS:
        return _scored("regression", predicted, actual, default_metrics("regression"), job.metrics, seed)
    if task == "regression":
        return evaluate(
            actual,
            predicted,
            task="regression",
            targets=[str(column) for column in range(columns)] if columns > 1 else ["target"],
            metrics=job.metrics,
            seed=seed,
        )
    classes = tuple(range(max(2, columns)))
    return evaluate(
        actual,
        predicted,
        task="binary" if len(classes) == 2 else "multiclass",
        classes=classes,
        metrics=job.metrics if task == ("binary" if len(classes) == 2 else "multiclass") else (),
        seed=seed,
    )


def _through(job: Job, batches: Batches) -> tuple[int, float, NDArray[Any] | None, NDArray[Any] | None]:
    """Return the rows, their loss, and predictions beside true values where there are any."""
    job.model.eval()
    rows, total, weight = 0, 0.0, 0.0
    predictions, actuals = [], []
    with torch.no_grad():
        for batch, (loss, counted, output, target) in evaluated(job, batches, "test"):
            rows, total, weight = rows + count_rows(batch), total + float(loss), weight + float(counted)
            if isinstance(output, torch.Tensor) and isinstance(target, torch.Tensor):
                predicted, actual = predicted_and_actual(job.loss, output, target)
                predictions.append(predicted.cpu())
                actuals.append(actual.cpu())
    mean = total / weight if weight else math.nan
    if not predictions:
        return rows, mean, None, None
    return rows, mean, torch.cat(predictions).numpy(), torch.cat(actuals).numpy()


def _scored(
    task: Any,
    predicted: NDArray[Any],
    actual: NDArray[Any],
    metrics: tuple[Metric, ...],
    more: tuple[Metric, ...],
    seed: int,
) -> Evaluation:
    """Return the scores over all columns together, with their intervals, and for labels a row of each."""
    chosen: Mapping[str, Metric] = {item.name: item for item in (*metrics, *more)}
    predicted = predicted.astype(np.float64)
    values = measure(chosen.values(), actual, predicted)
    said = {"network": predicted}
    strayed = bootstrap(actual, said, tuple(chosen.values()), resamples=RESAMPLES, seed=seed)["network"]
    return Evaluation(
        task=task,
        rows=len(actual),
        targets=(),
        metrics={name: interval(values[name], strayed[name]) for name in chosen},
        main_metric="accuracy" if task == "multilabel" else "rmse",
        classes=_label_reports(predicted, actual) if task == "multilabel" else (),
    )


def _label_reports(predicted: NDArray[Any], actual: NDArray[Any]) -> tuple[ClassReport, ...]:
    reports = []
    for column in range(actual.shape[1]):
        true, said = actual[:, column] > 0.5, predicted[:, column] > 0.5
        hits, rows, claimed = int((true & said).sum()), int(true.sum()), int(said.sum())
        reports.append(
            ClassReport(
                label=str(column),
                precision=hits / claimed if claimed else 0.0,
                recall=hits / rows if rows else math.nan,
                f1=2 * hits / (rows + claimed) if rows + claimed else math.nan,
                rows=rows,
            )
        )
    return tuple(reports)
