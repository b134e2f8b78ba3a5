"""Evaluation: how good the predictions are on rows that training never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ClassReport", "Evaluation", "Score"]


@dataclass(frozen=True)
class Score:
    """A value with its 95 % interval; NaN bounds where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassReport:
    """A class's row of the classification report."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """How good the predictions are on rows that training never saw.

    Parameters
    ----------
    task
        ``binary``, ``multiclass`` or ``regression``.
    rows
        Rows evaluated on.
    targets
        Names of the predicted columns.
    metrics
        By scikit-learn's names, the network's scores.
    baselines
        The same metrics of ``prior`` (predicting the training rows' class shares or mean) and of
        ``linear`` (logistic or ridge regression on the same prepared rows); a baseline that could not be
        had is absent.
    main_metric
        The metric by which the network is compared with the linear model.
    advantage
        How much better than the linear model, by the main metric (positive is better), with a paired
        bootstrap interval; None without a linear baseline.
    confusion
        Rows: the true class; columns: the predicted one; None for regression.
    classes
        A row of the classification report per class; empty for regression.
    figures
        Points for the figures, as lists of numbers: ``roc`` (``fpr``, ``tpr``), ``calibration``,
        ``predicted`` and ``actual`` (at most 2,000 rows), ...
    """

    task: Literal["binary", "multiclass", "regression"]
    rows: int
    targets: tuple[str, ...]
    metrics: Mapping[str, Score]
    baselines: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    main_metric: str = ""
    advantage: Score | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None
    classes: tuple[ClassReport, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
