"""Progress of many trainings at once in the terminal: how far they are, how good the best are so far."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from goodfit.messages import say
from goodfit.recipe import Recipe
from goodfit.training.population.population_loop import Drop
from goodfit.workflow.progress import EVERY, duration, higher_is_better, sparkline

if TYPE_CHECKING:
    from rich.live import Live

__all__ = ["PopulationProgress"]


class PopulationProgress:
    """Shows a population while it trains; shows nothing without a console.

    Parameters
    ----------
    console
        A rich Console; None to show nothing.
    """

    def __init__(self, language: str = "en", console: Any = None) -> None:
        self.language, self._console = language, console
        self.count = 0
        self._ended = self._size = self._epoch = 0
        self._recipe = Recipe()
        self._middle: list[float] = []
        self._best = math.nan
        self._live: Live | None = None
        self._began = self._shown = time.perf_counter()

    @classmethod
    def of(cls, wanted: bool, language: str) -> PopulationProgress:
        """Return the display on stderr where it is wanted and stderr is a terminal, else one of nothing."""
        if not wanted or not sys.stderr.isatty():
            return cls(language)
        from rich.console import Console

        return cls(language, Console(stderr=True, highlight=False))

    @property
    def watcher(self) -> Drop | None:
        """What `train_group` is to tell each epoch of; None where nothing is shown."""
        return None if self._console is None else self._epoch_done

    def __enter__(self) -> PopulationProgress:
        if self._console is not None:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.__enter__()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

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
        if self._live is not None and time.perf_counter() - self._shown >= EVERY:
            self._live.update("\n".join(self.lines(self._live.console.width)), refresh=True)
            self._shown = time.perf_counter()
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
