"""Figures of an Importance: what each column is worth, and how predictions go with the foremost ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from goodfit.errors import InputError
from goodfit.messages import say
from goodfit.plots.style import (
    FONT_SIZE,
    LINE,
    MUTED,
    VALID,
    axes_or_new,
    compact_ticks,
    ink,
    name_axes,
    shortened,
    without_mathematics,
)

if TYPE_CHECKING:
    from goodfit.explanation.importance import Dependence, Importance

__all__ = ["column_importance", "partial_dependence"]

MOST_COLUMNS = 12
MANY_LABELS = 4
LONGEST_LABEL = 12


def column_importance(importance: Importance, *, ax: Axes | None = None, language: str = "en") -> Axes:
    """Draw by how much the loss grows without each of the foremost columns, with 95 % intervals."""
    shown = importance.columns[:MOST_COLUMNS]
    ax = axes_or_new(ax, 5.2, 0.62 + 0.24 * len(shown), {"left": 1.7, "top": 0.06, "right": 0.3})
    height = np.arange(len(shown))
    for clear, colour in ((True, VALID), (False, MUTED)):
        some = [place for place in height if shown[place].clear == clear]
        low, high = ([getattr(shown[place], end) for place in some] for end in ("low", "high"))
        ax.hlines(some, low, high, color=colour, linewidth=2, alpha=0.55)
        ax.plot([shown[place].increase for place in some], some, "o", markersize=5.5, color=colour)
    ax.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    ax.set_yticks(height, [shortened(column.name) for column in shown])
    ax.tick_params(axis="y", labelsize=FONT_SIZE, labelcolor=ink(ax))
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x", color=LINE, linewidth=0.6)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    compact_ticks(ax, "x")
    name_axes(ax, x=say(f"explanation.head.increase-{importance.metric}", language))
    without_mathematics(ax)
    return ax


def partial_dependence(
    importance: Importance, column: str | None = None, *, ax: Axes | None = None, language: str = "en"
) -> Axes:
    """Draw the mean prediction at each value of a column, and where the middle 80 % of the rows lie.

    Parameters
    ----------
    column
        One of those in ``importance.dependences``; None for the most important of them.

    Raises
    ------
    InputError
        The column's dependence was not measured.
    """
    by_name = {item.name: item for item in importance.dependences}
    if not by_name or (column is not None and column not in by_name):
        raise InputError("explain.no-dependence", column=str(column), known=list(by_name) or "–")
    chosen = next(iter(by_name.values())) if column is None else by_name[column]
    names = [str(value) for value in chosen.values] if isinstance(chosen.values[0], str) else []
    slanted = len(names) > MANY_LABELS or max(map(len, names), default=0) > LONGEST_LABEL / 2
    ax = axes_or_new(ax, 3.9, 2.9 if slanted else 2.6, {"bottom": 0.8} if slanted else None)
    if names:
        places = range(0, len(names), max(1, len(names) // 4) if chosen.kind == "datetime" else 1)
        shown = [shortened(names[place], LONGEST_LABEL) for place in places]
        angle, side = (35, "right") if slanted else (0, "center")
        ax.set_xticks(list(places), shown, rotation=angle, ha=side)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
        compact_ticks(ax, "x")
    _draw(ax, chosen)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    compact_ticks(ax, "y")
    of = "probability" if importance.accuracy is not None else "value"
    told = say(f"explanation.figure.{of}", language, of=shortened(chosen.of))
    name_axes(ax, x=shortened(chosen.name, 40), y=told)
    without_mathematics(ax)
    return ax


def _draw(ax: Axes, dependence: Dependence) -> None:
    if dependence.kind in ("category", "boolean"):
        places = np.arange(len(dependence.values))
        ax.vlines(places, dependence.low, dependence.high, color=VALID, linewidth=6, alpha=0.22)
        ax.plot(places, dependence.mean, "o", markersize=5.5, color=VALID)
        ax.set_xlim(-0.5, len(places) - 0.5)
        return
    x = np.arange(len(dependence.values)) if dependence.kind == "datetime" else dependence.values
    ax.fill_between(x, dependence.low, dependence.high, color=VALID, alpha=0.16, linewidth=0)
    ax.plot(x, dependence.mean, color=VALID, linewidth=1.8, marker="o", markersize=3)
