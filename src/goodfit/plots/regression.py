"""Figures of an Evaluation of numbers: predictions beside what was so."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from goodfit.evaluation.scores import Evaluation
from goodfit.messages import say
from goodfit.plots.style import MUTED, VALID, axes_or_new, compact_ticks, name_axes, without_mathematics

__all__ = ["predicted_actual", "residuals"]

MOST_POINTS = 600


def predicted_actual(
    evaluation: Evaluation, target: int = 0, *, ax: Axes | None = None, language: str = "en"
) -> Axes:
    """Draw the predicted against the actual value of up to 600 rows; on the dashed line they are equal.

    Parameters
    ----------
    target
        Which of ``evaluation.targets``.

    Raises
    ------
    ValueError
        The Evaluation is not of numbers.
    """
    if not evaluation.figures.get("actual"):
        raise ValueError("the Evaluation has no predicted and actual values: it is not of numbers")
    actual = np.array(evaluation.figures["actual"][target], dtype=float)[:MOST_POINTS]
    predicted = np.array(evaluation.figures["predicted"][target], dtype=float)[:MOST_POINTS]
    known = np.isfinite(actual) & np.isfinite(predicted)
    ax = axes_or_new(ax)
    ax.plot(
        actual[known],
        predicted[known],
        linestyle="none",
        marker="o",
        markersize=3.2,
        markeredgewidth=0,
        color=VALID,
        alpha=0.45 if known.sum() > 100 else 0.7,
    )
    middle = float(np.mean(actual[known])) if known.any() else 0.0
    ax.axline((middle, middle), slope=1, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    _round_ticks(ax)
    name_axes(ax, x=say("report.figure.actual", language), y=say("report.figure.predicted", language))
    without_mathematics(ax)
    return ax


def residuals(
    evaluation: Evaluation, target: int = 0, *, ax: Axes | None = None, language: str = "en"
) -> Axes:
    """Draw how often the prediction is too high or too low by how much.

    Raises
    ------
    ValueError
        The Evaluation is not of numbers.
    """
    histograms = evaluation.figures.get("residuals")
    if not histograms:
        raise ValueError("the Evaluation has no residuals: it is not of numbers")
    edges = np.array(histograms[target]["edges"], dtype=float)
    counts = np.array(histograms[target]["counts"], dtype=float)
    ax = axes_or_new(ax)
    ax.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=VALID, alpha=0.75, linewidth=0)
    ax.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    _round_ticks(ax)
    name_axes(ax, x=say("report.figure.residual", language), y=say("report.figure.rows", language))
    without_mathematics(ax)
    return ax


def _round_ticks(ax: Axes) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    compact_ticks(ax)
