"""Figures of an Evaluation of classes: what is taken for what, how well it ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MultipleLocator, PercentFormatter

from goodfit.evaluation.scores import Evaluation
from goodfit.messages import say
from goodfit.plots.style import (
    ACCENT,
    FONT_SIZE,
    INK,
    LINE,
    MUTED,
    PAPER,
    TRAIN,
    VALID,
    WARNING,
    add_legend,
    axes_or_new,
    name_axes,
    shortened,
    without_mathematics,
)

__all__ = ["calibration", "confusion_matrix", "roc_curve"]

HUES = (VALID, TRAIN, ACCENT, WARNING, "#8a5fb0", "#5b6770")
STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))


def confusion_matrix(evaluation: Evaluation, *, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw how many rows of each class are taken for each class; the shade is the share of its row.

    Raises
    ------
    ValueError
        The Evaluation is not of classes.
    """
    if evaluation.confusion is None:
        raise ValueError("the Evaluation has no confusion matrix: it is not of classes")
    counts = np.array(evaluation.confusion, dtype=float)
    names = [shortened(row.label, 18) for row in evaluation.classes]
    side = float(np.clip(0.42 * len(counts), 1.8, 7.5))
    longest = max((len(name) for name in names), default=1) * 0.075 + 0.35
    margins = {"left": longest + 0.2, "bottom": longest + 0.2, "top": 0.15, "right": 0.15}
    ax = axes_or_new(ax, side + longest + 0.35, side + longest + 0.35, margins)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shades = LinearSegmentedColormap.from_list("shades", [PAPER, VALID])
    ax.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, edgecolors=LINE, linewidth=0.5)
    size = FONT_SIZE if len(counts) <= 12 else 6.5
    for row, column in np.argwhere(counts > 0):
        colour = PAPER if shares[row, column] > 0.55 else INK
        text = f"{counts[row, column]:.0f}"
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=colour)
    middles = np.arange(len(counts)) + 0.5
    ax.set_xticks(middles, names, rotation=90 if len(counts) > 3 else 0)
    ax.set_yticks(middles, names)
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    predicted, true = (say(f"report.figure.{name}-class", language) for name in ("predicted", "true"))
    name_axes(ax, x=predicted, y=true)
    without_mathematics(ax)
    return ax


def roc_curve(evaluation: Evaluation, *, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw the ROC curve: how many of a class are found against how many others are taken for it.

    Up to six curves are told apart; of more classes the two easiest and the two hardest are.

    Raises
    ------
    ValueError
        The Evaluation has no points of ROC curves.
    """
    curves = sorted(
        evaluation.figures.get("roc") or (), key=lambda curve: _or_zero(curve["auc"]), reverse=True
    )
    if not curves:
        raise ValueError("the Evaluation has no ROC curve: it is not of classes, or of too few rows")
    ax = axes_or_new(ax)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1.5)
    told = range(len(curves)) if len(curves) <= len(HUES) else (0, 1, len(curves) - 2, len(curves) - 1)
    for place, curve in reversed(list(enumerate(curves))):
        words = f"{shortened(str(curve['label']), 16)}: {_or_zero(curve['auc']):.3f}"
        if place in told:
            turn = list(told).index(place)
            look: dict[str, Any] = {"color": HUES[turn], "linestyle": STYLES[turn % len(STYLES)]}
            look |= {"linewidth": 1.7, "label": words}
        else:
            look = {"color": MUTED, "linewidth": 0.8, "alpha": 0.5}
        ax.plot(curve["fpr"], curve["tpr"], **look)
    _unit_square(ax)
    name_axes(ax, x=say("report.figure.false-alarms", language), y=say("report.figure.found", language))
    add_legend(ax, "lower right", say("report.figure.auc", language))
    without_mathematics(ax)
    return ax


def calibration(evaluation: Evaluation, *, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw how often what is predicted with a probability is so, with its 95 % intervals.

    Raises
    ------
    ValueError
        The Evaluation has no points of a calibration curve.
    """
    points = evaluation.figures.get("calibration") or {}
    if not points.get("predicted"):
        raise ValueError("the Evaluation has no points of a calibration curve: it is not of classes")
    ax = axes_or_new(ax)
    predicted, observed = np.array(points["predicted"]), np.array(points["observed"])
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1.5)
    ax.vlines(predicted, points["low"], points["high"], color=VALID, linewidth=1.2, alpha=0.45)
    ax.plot(predicted, observed, color=VALID, linewidth=1.4, marker="o", markersize=4.5)
    _unit_square(ax)
    name_axes(ax, x=say("report.figure.probability", language), y=say("report.figure.came-true", language))
    without_mathematics(ax)
    return ax


def _unit_square(ax: Axes) -> None:
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.03)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MultipleLocator(0.25))
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _or_zero(value: float | None) -> float:
    return 0.0 if value is None or np.isnan(value) else float(value)
