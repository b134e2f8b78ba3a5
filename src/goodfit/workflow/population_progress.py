"""Progress of many trainings at once in the terminal: how far they are, how good the best are so far."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from goodfit.messages import say
from goodfit.recipe import Recipe
from goodfit.training.population.member_ends import Drop
from goodfit.workflow.live_display import LiveDisplay
from goodfit.workflow.progress import duration, higher_is_better, sparkline

__all__ = ["PopulationProgress"]


class PopulationProgress(LiveDisplay):
    """Shows a population while it trains; shows nothing without a console."""

    def __init__(self, language: str = "en", console: Any = None) -> None:
        super().__init__(language, console)
        self.expect(0)
        self._epoch = 0
        self._recipe = Recipe()
        self._middle: list[float] = []
        self._best = math.nan

    @property
    def watcher(self) -> Drop | None:
        """What `train_group` is to tell each epoch of; None where nothing is shown."""
        return None if self.console is None else self._epoch_done

    def expect(self, count: int) -> None:
        """Begin anew, with ``count`` trainings to come."""
        self.count, self._ended, self._size = count, 0, 0

    def begin(self, recipe: Recipe, size: int) -> None:
        """Begin a group of ``size`` members like ``recipe``; those of the groups before it have ended."""
        self._ended += self._size
        self._size, self._recipe, self._epoch = size, recipe, 0
        self._middle, self._best = [], math.nan

    def _epoch_done(self, epoch: int, values: Mapping[int, float]) -> Collection[int]:
        """Take in the best value of each member so far; nobody is dropped."""
        known = [value for value in values.values() if math.isfinite(value)]
        self._epoch = epoch
        if known:
            self._middle.append(float(np.median(known)))
            self._best = max(known) if higher_is_better(self._recipe.monitor) else min(known)
        self.draw()
        return ()

    def lines(self, width: int = 80) -> list[str]:
        """Return the display as lines of text."""
        values: dict[str, Any] = {
            "count": self.count,
            "ended": self._ended,
            "epoch": self._epoch,
            "epochs": self._recipe.epochs,
            "time": duration(time.perf_counter() - self._began),
        }
        found = [say("population.progress.trainings", self.language, **values)]
        if self._middle:
            monitor = self._recipe.monitor
            best = {"monitor": monitor, "middle": f"{self._middle[-1]:.4g}", "best": f"{self._best:.4g}"}
            found.append(say("population.progress.best", self.language, **best))
            found.append(f"{sparkline(self._middle, max(10, min(60, width - 20)))}  {monitor}")
        return found
