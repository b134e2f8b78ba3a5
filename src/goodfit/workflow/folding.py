"""Rows to Parts fold by fold, and the predictions of the rows that each fold left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.fitting import fit_preparation
from goodfit.data.folds import fold_splits
from goodfit.evaluation.calibration import Calibration
from goodfit.evaluation.evaluate import evaluate
from goodfit.evaluation.metrics import METRICS
from goodfit.evaluation.scores import Evaluation
from goodfit.evaluation.threshold import Threshold
from goodfit.judging import said_of_rows
from goodfit.messages import Message
from goodfit.predicting import of_each_class, predict_rows
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.workflow.parts import Parts
from goodfit.workflow.row_predictions import row_predictions
from goodfit.workflow.tables import ReadTable, divided

__all__ = ["Fold", "FoldedRows", "fold_table", "mean_calibration", "mean_threshold", "out_of_fold"]


class FoldedRows(NamedTuple):
    """The Parts of each fold, whose test rows are left out, and the rule by which rows were divided."""

    parts: list[Parts]
    rule: Message


class Fold(NamedTuple):
    """A fold that has been trained: its number from 1, its Run and its Parts."""

    number: int
    run: Run
    parts: Parts


def fold_table(known: ReadTable, recipe: Recipe, folds: int, *, one_preparation: bool) -> FoldedRows:
    """Divide a table's rows into folds.

    Parameters
    ----------
    one_preparation
        Learn the preparation once, from all rows, so that the folds' networks take the same inputs; else
        each learns its own from its training rows.
    """
    share = 0.0 if "valid" in known.given else recipe.valid_fraction
    frame = known.typed.frame
    divisions = fold_splits(frame, known.facts, folds, valid_fraction=share, seed=recipe.rows_seed)
    preparation = None
    if one_preparation:
        rows = np.unique(
            np.concatenate([part for one in divisions.splits for part in (one.train, one.valid, one.test)])
        )
        preparation = fit_preparation(frame, known.facts, rows, scale=recipe.scale, outliers=recipe.outliers)
    parts = [divided(known, recipe, division, preparation) for division in divisions.splits]
    if one_preparation:
        parts = [replace(one, shaping=parts[0].train) for one in parts]
    return FoldedRows(parts, divisions.rule)


def out_of_fold(folds: Sequence[Fold], *, seed: int) -> tuple[Evaluation | None, pl.DataFrame | None]:
    """Return how good the predictions of the rows left out are, and these predictions, a row each.

    None for one's own data whose rows do not lie in memory or whose loss does not say what is predicted.
    """
    first = folds[0]
    profile = None if first.parts.table is None else first.parts.table.profile
    task: Any = first.parts.task if profile is not None else getattr(first.run.evaluation, "task", None)
    threshold = mean_threshold([fold.run for fold in folds])
    moved = None if threshold is None else threshold.value
    frames = [row_predictions(fold.run.model, fold.run.loss, fold.parts, task, moved) for fold in folds]
    known = [frame for frame in frames if frame is not None]
    if len(known) < len(folds):
        return None, None
    told = [_said(fold, task) for fold in folds]
    names = [name for name in told[0][2] if all(name in others for _, _, others in told)]
    asked, columns = first.run.recipe.metrics, told[0][1].shape[1]
    evaluation = evaluate(
        np.concatenate([actual for actual, _, _ in told]),
        np.concatenate([predicted for _, predicted, _ in told]),
        task=task,
        targets=first.run.evaluation.targets if first.run.evaluation is not None else (),
        classes=profile.classes if profile is not None else () if task == "regression" else range(columns),
        baselines={name: np.concatenate([others[name] for _, _, others in told]) for name in names},
        metrics=[name for name in (() if asked == "auto" else asked) if name in METRICS],
        seed=seed,
        threshold=moved,
    )
    numbered = [
        frame.insert_column(1, pl.Series("fold", np.full(frame.height, fold.number)))
        for frame, fold in zip(known, folds, strict=True)
    ]
    numbers = np.concatenate([frame["row"].to_numpy() for frame in known])
    worst = tuple(replace(item, row=int(numbers[item.row])) for item in evaluation.worst)
    linear = first.run.recipe.model == "linear"
    return replace(evaluation, worst=worst, linear=linear), pl.concat(numbered).sort("row")


def mean_calibration(runs: Sequence[Run]) -> Calibration | None:
    """Return the (geometric) mean of the temperatures of several runs; None where one of them has none."""
    known = [run.calibration for run in runs if run.calibration is not None]
    if len(known) < len(runs):
        return None
    return Calibration(
        temperature=float(np.exp(np.mean([np.log(one.temperature) for one in known]))),
        rows=sum(one.rows for one in known),
        before=float(np.mean([one.before for one in known])),
        after=float(np.mean([one.after for one in known])),
    )


def mean_threshold(runs: Sequence[Run]) -> Threshold | None:
    """Return the mean of the thresholds of several runs; None where they have none."""
    known = [run.threshold for run in runs if run.threshold is not None]
    if not known:
        return None
    value = float(np.mean([one.value for one in known]))
    return Threshold(value, known[0].metric, sum(one.rows for one in known))


def _said(fold: Fold, task: str) -> tuple[NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]:
    """Return the truth, what the fold's network says, and what its baselines say, of the rows left out."""
    run, parts = fold.run, fold.parts
    assert parts.test is not None
    inputs, target = parts.test.content
    if run.table is not None:
        actual, predicted, others = said_of_rows(
            run.model, run.loss, inputs, target, run.table, run.baselines
        )
        return actual, predicted if predicted.ndim == 2 else predicted[:, None], others
    predicted = predict_rows(run.model, run.loss, inputs)
    if task == "regression":
        return target.numpy().reshape(len(target), -1), predicted, {}
    return target.numpy().reshape(-1), of_each_class(predicted), {}
