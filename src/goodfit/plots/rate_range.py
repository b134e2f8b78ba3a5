"""Figure of a learning-rate range test: the loss over the rate, and the rate suggested."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from goodfit.messages import say
from goodfit.plots.style import MUTED, TRAIN, VALID, axes_or_new, name_axes

__all__ = ["rate_range"]


def rate_range(
    rates: NDArray[np.float64],
    losses: NDArray[np.float64],
    smoothed: NDArray[np.float64],
    suggestion: float | None,
    *,
    ax: Axes | None = None,
    language: str = "en",
) -> Axes:
    """Draw each update's loss over its learning rate, the smoothed course, and the suggested rate."""
    ax = axes_or_new(ax)
    ax.set_xscale("log")
    ax.plot(rates, losses, color=MUTED, linewidth=0.8, alpha=0.6)
    ax.plot(rates, smoothed, color=TRAIN, linewidth=1.8)
    if suggestion is not None:
        ax.axvline(suggestion, color=VALID, linewidth=1.2, linestyle="--")
        ax.annotate(
            f" {suggestion:.1g}", (suggestion, 1), xycoords=("data", "axes fraction"), color=VALID, va="top"
        )
    name_axes(ax, x=say("training.rate-range.rate", language), y=say("training.rate-range.loss", language))
    return ax
