"""Lines on the terminal while something goes on, which are gone when it has ended."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

__all__ = ["LiveDisplay", "terminal"]

EVERY = 0.1
"""Seconds between two pictures."""


def terminal(wanted: bool) -> Console | None:
    """Return where to show how it goes: stderr where that is a terminal and it is wanted, else nowhere."""
    if not wanted or not sys.stderr.isatty():
        return None
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


class LiveDisplay:
    """Shows its lines inside a ``with`` block.

    Parameters
    ----------
    console
        Where; None to show nothing.
    """

    def __init__(self, language: str = "en", console: Console | None = None) -> None:
        self.language, self.console = language, console
        self._live: Live | None = None
        self._began, self._shown = time.perf_counter(), -math.inf

    def __enter__(self) -> Self:
        if self.console is not None:
            from rich.live import Live

            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

    def draw(self) -> None:
        """Show how it goes, unless it was shown a moment ago."""
        now = time.perf_counter()
        if self._live is not None and now - self._shown >= EVERY:
            self._live.update("\n".join(self.lines(self._live.console.width)), refresh=True)
            self._shown = now

    def lines(self, width: int = 80) -> list[str]:
        """Return what is shown."""
        raise NotImplementedError
