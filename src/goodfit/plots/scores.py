"""Figure of scores: the network's beside the baselines', with their intervals."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from goodfit.evaluation.scores import Evaluation, Score
from goodfit.plots.style import (
    FONT_SIZE,
    LINE,
    MUTED,
    VALID,
    axes_or_new,
    compact_ticks,
    ink,
    metric_name,
    name_axes,
    without_mathematics,
)

__all__ = ["scores_beside_baselines"]


def scores_beside_baselines(
    evaluation: Evaluation, metric: str | None = None, *, ax: Axes | None = None, language: str = "en"
) -> Axes:
    """Draw a metric of the network, of the linear model and of the constant prediction, a dot each.

    Parameters
    ----------
    metric
        One of ``evaluation.metrics``; None for the one the models are compared by.

    Raises
    ------
    ValueError
        The Evaluation has no such metric.
    """
    metric = metric or evaluation.main_metric
    scores = scores_of(evaluation, metric)
    if not scores:
        known = ", ".join(evaluation.metrics)
        raise ValueError(f"the Evaluation has no metric {metric!r}; it has {known}")
    ax = axes_or_new(ax, 4.2, 0.62 + 0.32 * len(scores), {"left": 1.5, "top": 0.06, "right": 0.3})
    for place, (model, score) in enumerate(scores.items()):
        ours = model == "network"
        if np.isfinite(score.low) and np.isfinite(score.high):
            ax.plot(
                [score.low, score.high],
                [place, place],
                color=VALID if ours else MUTED,
                linewidth=2.4 if ours else 1.6,
                alpha=0.55,
                solid_capstyle="round",
            )
        size, colour = (6.5, VALID) if ours else (5.5, MUTED)
        ax.plot([score.value], [place], marker="o", markersize=size, color=colour)
    ax.set_yticks(range(len(scores)), [evaluation.predictor_name(model, language) for model in scores])
    ax.tick_params(axis="y", labelsize=FONT_SIZE, labelcolor=ink(ax))
    ax.set_ylim(len(scores) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x", color=LINE, linewidth=0.6)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.margins(x=0.06)
    compact_ticks(ax, "x")
    name_axes(ax, x=metric_name(metric, language))
    without_mathematics(ax)
    return ax


def scores_of(evaluation: Evaluation, metric: str) -> dict[str, Score]:
    """Return what each model scores by ``metric``, the network first; without those that have no value."""
    scores = {"network": evaluation.metrics.get(metric)}
    scores |= {name: evaluation.baselines.get(name, {}).get(metric) for name in ("linear", "prior")}
    return {name: score for name, score in scores.items() if score is not None and np.isfinite(score.value)}
