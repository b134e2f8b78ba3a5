"""The range of a learning curve over several trainings, shaded behind the curve of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from goodfit.messages import say
from goodfit.observations import History
from goodfit.plots.style import TRAIN, VALID
from goodfit.repeats import band

__all__ = ["shade"]


def shade(
    ax: Axes, histories: Sequence[History], metric: str | None = None, language: str = "en"
) -> NDArray[np.float64]:
    """Shade from the lowest to the highest of ``histories``, see `goodfit.repeats.band`; return the values.

    Parameters
    ----------
    metric
        Name without ``train_`` and ``valid_``; None for the loss.
    """
    shown = [np.empty(0)]
    for part, colour in (("train", TRAIN), ("valid", VALID)):
        found = band(histories, f"{part}_{metric or 'loss'}")
        if found is None or not len(found.epoch):
            continue
        label = say("population.figure.band", language, count=len(histories)) if part == "valid" else None
        ax.fill_between(
            found.epoch, found.low, found.high, color=colour, alpha=0.16, linewidth=0, zorder=1.4, label=label
        )
        shown += [found.low, found.high]
    return np.concatenate(shown)
