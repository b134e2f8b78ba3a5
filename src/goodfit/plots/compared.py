"""Figure of several runs: their validation curves side by side, with their range over seeds or folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from goodfit.messages import say
from goodfit.observations import History
from goodfit.plots.style import (
    ACCENT,
    ERROR,
    MUTED,
    TRAIN,
    VALID,
    WARNING,
    add_legend,
    axes_or_new,
    compact_ticks,
    metric_name,
    name_axes,
    shortened,
    without_mathematics,
)
from goodfit.repeats import band

__all__ = ["compared_curves"]

COLOURS = (VALID, TRAIN, ACCENT, WARNING, MUTED, ERROR)
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)))


def compared_curves(
    names: Sequence[str],
    histories: Sequence[Sequence[History]],
    metric: str = "loss",
    *,
    ax: Axes | None = None,
    language: str = "en",
) -> Axes:
    """Draw the validation curve of each run.

    Parameters
    ----------
    names
        What the runs are called.
    histories
        Of each run its own curves, then those of its other seeds or folds, whose range is shaded.
    metric
        Name without ``valid_``.
    """
    ax = axes_or_new(ax, 7.6, 3.6, {"top": 0.14})
    for place, (name, own) in enumerate(zip(names, histories, strict=True)):
        colour = COLOURS[place % len(COLOURS)]
        dashes = DASHES[place // len(COLOURS) % len(DASHES)] if place >= len(COLOURS) else DASHES[place % 4]
        values = own[0].get(f"valid_{metric}")
        if values is None:
            continue
        across = own[0].get("epoch")
        across = np.arange(1.0, len(values) + 1) if across is None else across
        ax.plot(across, values, color=colour, linestyle=dashes, linewidth=1.7, label=shortened(name))
        found = band(own, f"valid_{metric}") if len(own) > 1 else None
        if found is not None:
            ax.fill_between(found.epoch, found.low, found.high, color=colour, alpha=0.14, linewidth=0)
        row = own[0].best_row
        if row is not None:
            ax.plot([across[row]], [values[row]], marker="o", markersize=6, color=colour)
    drawn = np.concatenate([np.empty(0), *(np.asarray(line.get_ydata(), float) for line in ax.get_lines())])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) and drawn.min() > 0 and drawn.max() / drawn.min() > 20:
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
    shown = say("report.figure.loss", language) if metric == "loss" else metric_name(metric, language)
    name_axes(
        ax,
        x=say("report.figure.epoch", language),
        y=say("comparison.figure.valid", language, metric=shown),
    )
    compact_ticks(ax)
    add_legend(ax)
    without_mathematics(ax)
    return ax
