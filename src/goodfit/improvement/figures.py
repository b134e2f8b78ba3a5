"""Figures of a Tuning: best so far over time, every trial as a line, one searched name at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from goodfit.improvement.space import Choices, Dimension, label
from goodfit.messages import say
from goodfit.plots.style import (
    LINE,
    MARGINS,
    MUTED,
    VALID,
    axes_or_new,
    compact,
    compact_ticks,
    name_axes,
    new_figure,
    shortened,
    without_mathematics,
)

if TYPE_CHECKING:
    from goodfit.improvement.trial import Trial
    from goodfit.improvement.tuning import Tuning

__all__ = ["best_so_far", "parallel_coordinates", "slices"]

SHOWN = 0.6
"""Share of the trials, the best, whose values decide how far an axis goes; the others lie on its edge."""
COLUMNS = 3


def best_so_far(tuning: Tuning, *, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw each trial at the second when it reached its best value, and the best of all so far as a line."""
    ax = axes_or_new(ax, 7.6, 3.0)
    course = tuning.best_so_far()
    seconds, values = course["seconds"], course["value"]
    end = max(tuning.seconds, float(seconds[-1]))
    low, high = _limits(tuning)
    first = high if not tuning.higher else low
    ax.step(
        [*seconds, end],
        np.clip([*values, values[-1]], min(low, first), max(high, first)),
        where="post",
        color=VALID,
        linewidth=1.9,
    )
    for trial in _known(tuning):
        ax.plot(trial.found, np.clip(trial.value, low, high), **_dot(trial))
    ax.set_xlim(left=0)
    _value_axis(ax, low, high)
    name_axes(ax, x=say("tuning.figure.seconds", language), y=tuning.monitor)
    compact_ticks(ax, "x")
    return ax


def parallel_coordinates(tuning: Tuning, *, width: float = 7.6) -> Figure:
    """Draw every trial as a line through the values that were searched to the place it came to.

    The better a trial, the darker its line; the last axis goes by rank, the best on top.
    """
    names = list(tuning.space.dimensions)
    figure, (ax,) = new_figure(width, 3.4, margins={"left": 0.5, "right": 0.7, "top": 0.2})
    trials = _known(tuning)
    values = np.array([-trial.value if tuning.higher else trial.value for trial in trials])
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(trials) - 1)
    for place in np.argsort(-ranks, kind="stable"):
        dimensions = tuning.space.dimensions.items()
        across = [_position(dimension, trials[place].values[name]) for name, dimension in dimensions]
        best = place == int(np.argmin(values))
        ax.plot(
            [*range(len(names)), len(names)],
            [*across, 1 - ranks[place]],
            color=VALID,
            linewidth=2.2 if best else 1.0,
            alpha=1.0 if best else float(0.08 + 0.6 * (1 - ranks[place]) ** 2),
        )
    for place, dimension in enumerate(tuning.space.dimensions.values()):
        ax.axvline(place, color=LINE, linewidth=1.0, zorder=1)
        for at, text in _marks(dimension):
            ax.annotate(
                text, (place, at), (3, 0), "data", "offset points", color=MUTED, fontsize=7, va="center"
            )
    ax.axvline(len(names), color=LINE, linewidth=1.0, zorder=1)
    ordered = np.sort(values)
    for share in (0.0, 0.5, 1.0):
        shown = ordered[round(share * (len(ordered) - 1))] * (-1 if tuning.higher else 1)
        ax.annotate(
            compact(shown), (len(names), 1 - share), (5, 0), "data", "offset points", fontsize=8, va="center"
        )
    ax.set_xlim(-0.05, len(names) + 0.02)
    ax.set_xticks(range(len(names) + 1), [shortened(name, 16) for name in (*names, tuning.monitor)])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    without_mathematics(ax)
    return figure


def slices(tuning: Tuning) -> Figure:
    """Draw, for each searched name, the value of every trial over it."""
    names = list(tuning.space.dimensions)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure, panels = new_figure(2.55 * columns, 2.1 * rows, columns, rows, {"top": MARGINS["top"] - 0.1})
    low, high = _limits(tuning)
    jitter = np.random.default_rng(0)
    for name, ax in zip(names, panels, strict=False):
        dimension = tuning.space.dimensions[name]
        for trial in _known(tuning):
            across: Any = trial.values[name]
            if isinstance(dimension, Choices):
                across = _index(dimension, across) + jitter.uniform(-0.15, 0.15)
            ax.plot(across, np.clip(trial.value, low, high), **_dot(trial))
        if isinstance(dimension, Choices):
            texts = [shortened(label(option), 10) for option in dimension.options]
            ax.set_xticks(range(len(texts)), texts, rotation=25 if len(texts) > 3 else 0)
        else:
            if dimension.log:
                ax.set_xscale("log")
                decades = math.log10(dimension.high / dimension.low)
                ax.xaxis.set_major_locator(LogLocator(numticks=4) if decades >= 2 else MaxNLocator(3))
            compact_ticks(ax, "x")
            ax.xaxis.set_minor_formatter(NullFormatter())
        _value_axis(ax, low, high)
        name_axes(ax, x=shortened(name, 28), y=tuning.monitor if ax is panels[0] else "")
        without_mathematics(ax)
    for ax in panels[len(names) :]:
        ax.remove()
    return figure


def _known(tuning: Tuning) -> list[Trial]:
    return [trial for trial in tuning.trials if math.isfinite(trial.value)]


def _dot(trial: Trial) -> dict[str, Any]:
    whole = trial.state == "finished"
    return {
        "marker": "o",
        "markersize": 4,
        "color": VALID if whole else MUTED,
        "alpha": 0.85 if whole else 0.4,
    }


def _limits(tuning: Tuning) -> tuple[float, float]:
    """Return where an axis of the values begins and ends: the few that went astray lie on its edge."""
    values: NDArray[np.float64] = np.array([trial.value for trial in _known(tuning)])
    low, high = (1 - SHOWN, 1.0) if tuning.higher else (0.0, SHOWN)
    return float(np.quantile(values, low)), float(np.quantile(values, high))


def _value_axis(ax: Axes, low: float, high: float) -> None:
    room = 0.06 * (high - low) or 0.5
    ax.set_ylim(low - room, high + room)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    compact_ticks(ax, "y")


def _index(dimension: Choices, value: Any) -> int:
    return [label(option) for option in dimension.options].index(label(value))


def _position(dimension: Dimension, value: Any) -> float:
    """Return where a value lies between the ends of its dimension, 0 to 1."""
    if isinstance(dimension, Choices):
        return _index(dimension, value) / max(1, len(dimension.options) - 1)
    low, high = dimension.low, dimension.high
    if dimension.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return float((value - low) / (high - low)) if high > low else 0.5


def _marks(dimension: Dimension) -> list[tuple[float, str]]:
    if isinstance(dimension, Choices):
        return [(_position(dimension, option), shortened(label(option), 12)) for option in dimension.options]
    return [(_position(dimension, end), compact(end)) for end in (dimension.low, dimension.high)]
