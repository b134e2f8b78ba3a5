"""Figure of the error against the rows learned from, with the power law through it and its forecast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from goodfit.evaluation.power_law import Forecast, PowerLaw
from goodfit.messages import say
from goodfit.plots.style import (
    MUTED,
    TRAIN,
    VALID,
    add_legend,
    axes_or_new,
    compact_ticks,
    name_axes,
    without_mathematics,
)

__all__ = ["rows_curve"]


def rows_curve(
    sizes: Sequence[tuple[int, Sequence[float]]],
    law: PowerLaw,
    forecasts: Sequence[Forecast],
    metric: str,
    *,
    ax: Axes | None = None,
    language: str = "en",
) -> Axes:
    """Draw each training as a dot, the law as a line, forecasts with their 95 % intervals.

    Parameters
    ----------
    sizes
        Rows learned from, and the errors of the trainings on so many.
    metric
        What the errors are called on the axis.
    """
    ax = axes_or_new(ax, 7.6, 3.4, {"top": 0.14})
    ax.set_xscale("log")
    rows = np.concatenate([np.full(len(errors), size) for size, errors in sizes])
    errors = np.concatenate([np.asarray(each, dtype=float) for _, each in sizes])
    last, most = sizes[-1][0], max(one.rows for one in forecasts)
    inside, beyond = np.geomspace(sizes[0][0], last, 60), np.geomspace(last, most, 30)
    ax.plot(inside, law(inside), color=VALID, linewidth=1.6, label=say("data_curve.figure.law", language))
    ax.plot(beyond, law(beyond), color=VALID, linewidth=1.6, linestyle=(0, (4, 2)))
    label = say("data_curve.figure.training", language)
    ax.plot(rows, errors, linestyle="none", marker="o", markersize=4, color=MUTED, alpha=0.7, label=label)
    for place, one in enumerate(forecasts):
        name = say("data_curve.figure.forecast", language) if place == 0 else None
        ends = [[max(0.0, one.error.value - one.error.low)], [max(0.0, one.error.high - one.error.value)]]
        ax.errorbar(
            [one.rows],
            [one.error.value],
            yerr=ends,
            fmt="s",
            markersize=5,
            color=TRAIN,
            capsize=3,
            label=name,
        )
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(MaxNLocator(6))
    name_axes(ax, x=say("data_curve.figure.rows", language), y=metric)
    compact_ticks(ax)
    add_legend(ax)
    without_mathematics(ax)
    return ax
