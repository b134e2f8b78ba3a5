"""What a training heeds between two updates: Ctrl-C, the time budget, checkpoints, progress."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from goodfit.observations import EndedBy
from goodfit.training.state import TrainingState

__all__ = ["Attention", "heeding_interrupts"]

Notice = Callable[[TrainingState], object]

SAVE_EVERY = 10.0
"""Seconds between two checkpoints."""


class Attention:
    """Looks up between two updates; the loop compares one number with the clock, and that is all it costs.

    None of it touches a weight or a random state: the same training comes out whenever it looks up.

    Parameters
    ----------
    time_budget
        Seconds of training, from the first epoch's start.
    ends_at
        When to end whatever the budget, by ``time.perf_counter``.
    save, save_every
        Writes a checkpoint, and the seconds between two; None for `SAVE_EVERY`.
    progress, progress_every
        Shows how far the training is, and the seconds between two times.
    """

    def __init__(
        self,
        *,
        time_budget: float | None = None,
        ends_at: float = math.inf,
        save: Notice | None = None,
        save_every: float | None = None,
        progress: Notice | None = None,
        progress_every: float = 0.2,
    ) -> None:
        self.interrupted = False
        self.time_budget = time_budget
        self.ends_at = ends_at
        self._save, self._save_every = save, SAVE_EVERY if save_every is None else save_every
        self._progress, self._progress_every = progress, progress_every
        self.begin(0.0)

    def begin(self, seconds: float) -> None:
        """Start the clock, ``seconds`` of training having been done before."""
        now = time.perf_counter()
        self._started = now - seconds
        budget = math.inf if self.time_budget is None else self.time_budget
        self._ends = min(self._started + budget, self.ends_at)
        self._asked: EndedBy | None = None
        self._next_save = now + self._save_every if self._save else math.inf
        self._next_progress = now + self._progress_every if self._progress else math.inf
        self._plan()

    def seconds(self) -> float:
        """Return the seconds of training so far."""
        return time.perf_counter() - self._started

    def interrupt(self) -> None:
        """Ask for an end after the current update."""
        self.interrupted = True
        self.at = -math.inf

    def end(self, reason: EndedBy) -> None:
        """Ask for an end, for a reason that somebody outside the training has."""
        self._asked = reason
        self.at = -math.inf

    def look(self, state: TrainingState) -> EndedBy | None:
        """Do what is due at this moment; return what ends the training here, None to go on."""
        now = time.perf_counter()
        state.seconds = now - self._started
        if self.interrupted or self._asked or now >= self._ends:
            if self._save:
                self._save(state)
            return "interrupted" if self.interrupted else self._asked or "time-budget"
        if now >= self._next_progress and self._progress:
            self._progress(state)
            self._next_progress = now + self._progress_every
        if now >= self._next_save and self._save:
            self._save(state)
            self._next_save = time.perf_counter() + self._save_every
        self._plan()
        return None

    def _plan(self) -> None:
        asked = self.interrupted or self._asked
        self.at = -math.inf if asked else min(self._ends, self._next_save, self._next_progress)


@contextmanager
def heeding_interrupts(attention: Attention) -> Iterator[None]:
    """Make the first Ctrl-C an ordinary end of the training; the second one stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(signum: int, frame: FrameType | None) -> None:
        if attention.interrupted:
            raise KeyboardInterrupt
        attention.interrupt()

    before: Any = signal.getsignal(signal.SIGINT)
    if before is None:  # a handler that Python did not install: leave it
        yield
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
