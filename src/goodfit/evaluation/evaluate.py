"""Predictions on rows that training never saw, to an Evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodfit.evaluation import classification, figures
from goodfit.evaluation.intervals import advantage, bootstrap, interval
from goodfit.evaluation.metrics import METRICS, Metric, measure, resolve
from goodfit.evaluation.scores import ClassReport, Evaluation, TargetReport, WorstRow
from goodfit.evaluation.threshold import NEED_CLASSES, moved
from goodfit.messages import Message

__all__ = ["default_metrics", "evaluate"]

Array = NDArray[Any]
Task = Literal["binary", "multiclass", "regression"]

MOST_WORST = 50


def default_metrics(task: Task) -> tuple[Metric, ...]:
    """Return what is always reported of a task.

    Examples
    --------
    >>> [metric.name for metric in default_metrics("regression")]
    ['rmse', 'mae', 'r2']
    """
    if task == "regression":
        return tuple(METRICS[name] for name in ("rmse", "mae", "r2"))
    return tuple(METRICS[name] for name in ("log_loss", "accuracy", "balanced_accuracy", "roc_auc", "f1"))


def evaluate(
    target: Array,
    prediction: Array,
    *,
    task: Task,
    targets: Sequence[str] = (),
    classes: Sequence[Any] = (),
    baselines: Mapping[str, Array] | None = None,
    metrics: Iterable[str | Metric] = (),
    main_metric: str | None = None,
    seed: int = 0,
    resamples: int = 1000,
    threshold: float | None = None,
) -> Evaluation:
    """Judge predictions, with 95 % bootstrap intervals, beside baselines on the same rows.

    Whether the network beats the linear model is decided by the log loss for classes: it is strictly
    proper (Gneiting and Raftery 2007), both models minimise it, and it sees a difference on fewer rows
    than accuracy does. For values it is the RMSE, and for several targets R², as their units differ.
    Everything is computed in float64, so that each model's probabilities are kept off 0 by the same amount.

    Parameters
    ----------
    target
        Class codes (N,), or values (N,) or (N, T).
    prediction
        Probabilities (N, C), or of the second of two classes (N,) or (N, 1); or values like ``target``.
    task
        ``binary``, ``multiclass`` or ``regression``.
    targets
        Names of the predicted columns.
    classes
        The classes in the order of their codes.
    baselines
        By name (``linear``, ``prior``) predictions for the same rows, as ``prediction``.
    metrics
        Further metrics to report.
    main_metric
        What the network and the linear model are compared by, where that should be another.
    seed, resamples
        Of the bootstrap; 0 resamples for none. The same seed gives the same intervals.
    threshold
        Probability from which on the network predicts the second of two classes; None: one half. The
        baselines predict from one half on.

    Returns
    -------
    Evaluation
        Where a score does not exist (ROC AUC of rows of one class, any of predictions with NaN) it is
        NaN, and `Evaluation.notes` says why.
    """
    target = np.asarray(target)
    if task == "regression":
        target = _values(target)
        shape: Any = _values
    else:
        target, shape = target.astype(np.int64).reshape(-1), _probabilities
    prediction = shape(prediction)
    others = {name: shape(values) for name, values in (baselines or {}).items()}
    chosen = {item.name: item for item in (*default_metrics(task), *resolve(metrics, task))}
    main_metric = main_metric or _main_metric(task, target)
    chosen |= {main_metric: resolve([chosen.get(main_metric, main_metric)], task)[0]}

    said = {"network": prediction, **others}
    decided = prediction if threshold is None else moved(prediction, threshold)
    on_classes = [item for item in chosen.values() if threshold is not None and item.needs in NEED_CLASSES]
    of_all = [item for item in chosen.values() if item not in on_classes]
    values: dict[str, dict[str, float]] = {name: {} for name in said}
    strayed: dict[str, dict[str, Array]] = {name: {} for name in said}
    for some, asked in ((said, of_all), ({**said, "network": decided}, on_classes)):
        drawn = resamples if len(target) > 1 else 0
        around = bootstrap(target, some, tuple(asked), resamples=drawn, seed=seed) if asked else {}
        for name in around:
            values[name] |= measure(asked, target, some[name])
            strayed[name] |= around[name]
    scores = {
        name: {metric: interval(values[name][metric], strayed[name][metric]) for metric in chosen}
        for name in said
    }
    better = None
    if "linear" in others:
        ours, theirs = (
            (values[name][main_metric], strayed[name][main_metric]) for name in ("network", "linear")
        )
        better = advantage(chosen[main_metric], ours, theirs)
    details = _of_values if task == "regression" else _of_classes
    return Evaluation(
        task=task,
        rows=len(target),
        targets=tuple(targets),
        metrics=scores.pop("network"),
        baselines=scores,
        main_metric=main_metric,
        advantage=better,
        **details(
            target,
            prediction,
            decided,
            [str(name) for name in (targets if task == "regression" else classes)],
            seed,
        ),
    )


def _values(given: Array) -> Array:
    given = np.asarray(given, dtype=np.float64)
    return given[:, None] if given.ndim == 1 else given


def _probabilities(given: Array) -> Array:
    given = _values(given)
    return np.hstack([1 - given, given]) if given.shape[1] == 1 else given


def _main_metric(task: Task, target: Array) -> str:
    if task == "regression":
        return "rmse" if target.shape[1] == 1 else "r2"
    return "log_loss"


def _of_classes(
    target: Array, probabilities: Array, decided: Array, names: list[str], seed: int
) -> dict[str, Any]:
    count = probabilities.shape[1]
    names = names or [str(code) for code in range(count)]
    finite = np.asarray(np.isfinite(probabilities).all(axis=1))
    labels = np.where(finite, classification.labels_of(target, np.nan_to_num(decided)), -1)
    confusion = np.bincount(target[finite] * count + labels[finite], minlength=count * count).reshape(
        count, count
    )
    absent = [
        name for name, rows in zip(names, np.bincount(target, minlength=count), strict=True) if not rows
    ]
    notes = _not_finite(finite)
    if absent:
        notes.append(Message("evaluation.note.class-absent", {"count": len(absent), "classes": absent}))
    if len(target) == 1:
        notes.append(Message("evaluation.note.one-row"))
    loss = classification.log_loss_rows(target[finite], probabilities[finite])
    worst = [
        WorstRow(int(row), float(row_loss), names[target[row]], names[labels[row]])
        for row, row_loss in _worst(np.flatnonzero(finite), loss)
    ]
    whole = bool(finite.all()) and len(target) > 0
    return {
        "confusion": tuple(tuple(int(cell) for cell in row) for row in confusion),
        "classes": _class_reports(target, labels, names),
        "figures": {
            "roc": figures.roc_curves(target, probabilities, names),
            "calibration": figures.calibration(target, probabilities, names),
        }
        if whole
        else {},
        "worst": tuple(worst),
        "notes": tuple(notes),
    }


def _class_reports(target: Array, labels: Array, names: list[str]) -> tuple[ClassReport, ...]:
    reports = []
    for code, name in enumerate(names):
        hits, rows, said = (
            int(np.count_nonzero(some))
            for some in ((target == code) & (labels == code), target == code, labels == code)
        )
        reports.append(
            ClassReport(
                label=name,
                precision=hits / said if said else 0.0,
                recall=hits / rows if rows else float("nan"),
                f1=2 * hits / (said + rows) if rows else float("nan"),
                rows=rows,
            )
        )
    return tuple(reports)


def _of_values(
    target: Array, prediction: Array, decided: Array, names: list[str], seed: int
) -> dict[str, Any]:
    names = names or [str(column) for column in range(target.shape[1])]
    finite = np.asarray(np.isfinite(prediction).all(axis=1))
    notes = _not_finite(finite)
    constant = [
        name for name, values in zip(names, target.T, strict=True) if len(values) > 1 and np.ptp(values) == 0
    ]
    if constant:
        notes.append(
            Message("evaluation.note.constant-target", {"count": len(constant), "targets": constant})
        )
    if len(target) == 1:
        notes.append(Message("evaluation.note.one-row"))
    with np.errstate(over="ignore"):
        spread = target.std(axis=0) if len(target) else np.ones(target.shape[1])
        error = (prediction[finite] - target[finite]) / np.where(spread > 0, spread, 1)
        size = np.sqrt(np.square(error).mean(axis=1))
    worst = [
        WorstRow(int(row), float(row_size), _one_or_list(target[row]), _one_or_list(prediction[row]))
        for row, row_size in _worst(np.flatnonzero(finite), size)
    ]
    points: dict[str, Any] = {}
    if finite.all() and len(target):
        points = {
            **figures.predicted_and_actual(target, prediction, seed),
            "residuals": figures.residuals(target, prediction),
        }
    return {
        "outputs": tuple(
            TargetReport(
                name, **measure(default_metrics("regression"), target[:, [column]], prediction[:, [column]])
            )
            for column, name in enumerate(names)
        ),
        "figures": points,
        "worst": tuple(worst),
        "notes": tuple(notes),
    }


def _not_finite(finite: Array) -> list[Message]:
    bad = int(np.count_nonzero(~finite))
    return [Message("evaluation.note.not-finite", {"count": bad})] if bad else []


def _worst(rows: Array, loss: Array) -> list[tuple[int, float]]:
    order = np.argsort(-loss, kind="stable")[:MOST_WORST]
    return list(zip(rows[order].tolist(), loss[order].tolist(), strict=True))


def _one_or_list(values: Array) -> Any:
    return float(values[0]) if len(values) == 1 else values.tolist()
