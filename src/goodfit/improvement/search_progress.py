"""How a search goes, in one line on stderr while it runs."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from goodfit.improvement.trial import Trial, best_first
from goodfit.messages import say
from goodfit.workflow.progress import duration

__all__ = ["SearchProgress"]

EVERY = 0.2
"""Seconds between two pictures."""


class SearchProgress:
    """Shows a search on stderr; does nothing where that is no terminal or nobody wants it."""

    def __init__(
        self,
        wanted: bool,
        trials: int | None,
        monitor: str,
        higher: bool,
        language: str = "en",
        stream: TextIO | None = None,
    ) -> None:
        self.stream = stream or sys.stderr
        self.wanted = wanted and self.stream.isatty()
        self.trials, self.monitor, self.higher, self.language = trials, monitor, higher, language
        self.words = say("tuning.progress.begins", language)
        self._begun = time.perf_counter()
        self._shown = -math.inf

    def __enter__(self) -> SearchProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.wanted:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def tell(self, trials: Sequence[Trial]) -> None:
        """Take in the trials so far."""
        known = best_first(trials, higher=self.higher)
        values = {
            "done": str(len(trials)) if self.trials is None else f"{len(trials)}/{self.trials}",
            "dropped": sum(trial.state == "dropped" for trial in trials),
            "monitor": self.monitor,
            "best": f"{known[0].value:.4g}" if known else "–",
        }
        self.words = say("tuning.progress.trials", self.language, **values)
        self.tick()

    def finals(self) -> None:
        """Say that the best ones are being trained again."""
        self.words = say("tuning.progress.finals", self.language)
        self.tick()

    def tick(self) -> None:
        """Show that it goes on."""
        now = time.perf_counter()
        if self.wanted and now - self._shown >= EVERY:
            self._shown = now
            self.stream.write(f"\r\x1b[K{self.words}   {duration(now - self._begun)}")
            self.stream.flush()
