"""Progress of a training in the terminal: where it is, how good, the best so far, and the time left."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from goodfit.messages import say
from goodfit.recipe import Recipe

if TYPE_CHECKING:
    from rich.live import Live

    from goodfit.training.state import Row, TrainingState

__all__ = ["Progress", "duration", "higher_is_better", "sparkline"]

BLOCKS = "▁▂▃▄▅▆▇█"
EVERY = 0.1
"""Seconds between two pictures."""


class Progress:
    """Shows a training on stderr while it runs; does nothing where stderr is no terminal.

    Measuring never changes training: it is only told numbers that are there anyway.
    """

    def __init__(self, recipe: Recipe, language: str = "en", console: Any = None) -> None:
        self.recipe, self.language, self._console = recipe, language, console
        self.rows: list[Row] = []
        self._live: Live | None = None
        self._shown = 0.0
        self._state: TrainingState | None = None

    @classmethod
    def of(cls, wanted: bool | Progress, recipe: Recipe, language: str) -> Progress:
        """Return the display that was asked for: one, or one that shows nothing."""
        if isinstance(wanted, Progress):
            return wanted
        return cls(recipe, language) if wanted and sys.stderr.isatty() else Silent(recipe, language)

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.live import Live

        console = self._console or Console(stderr=True, highlight=False)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.__enter__()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

    def during(self, state: TrainingState) -> None:
        """Show how far the current epoch is."""
        self._state = state
        self._show()

    def epoch(self, row: Row) -> None:
        """Take in the row of an epoch."""
        self.rows.append(row)
        if time.perf_counter() - self._shown >= EVERY:
            self._show()

    def _show(self) -> None:
        if self._live is not None:
            self._live.update("\n".join(self.lines(self._live.console.width)), refresh=True)
        self._shown = time.perf_counter()

    def lines(self, width: int = 80) -> list[str]:
        """Return the display as lines of text."""
        if not self.rows:
            batch = 0 if self._state is None else self._state.batch
            return [self._say("first-epoch", epochs=self.recipe.epochs, batch=batch)]
        row = self.rows[-1]
        monitor = self.recipe.monitor
        values = [item[monitor] for item in self.rows]
        finite = [
            (value, item["epoch"])
            for value, item in zip(values, self.rows, strict=True)
            if not math.isnan(value)
        ]
        found = [
            self._say("epoch", epoch=f"{row['epoch']:g}", epochs=self.recipe.epochs, left=self._left(row)),
            self._say(
                "losses",
                train=f"{row.get('train_loss', math.nan):.4g}",
                valid=f"{row.get('valid_loss', math.nan):.4g}",
            )
            + "".join(
                f"   {name.removeprefix('valid_')} {row[name]:.4g}" for name in row if _is_metric(name)
            ),
        ]
        if finite:
            higher = higher_is_better(monitor)
            value, epoch = (max if higher else min)(finite, key=lambda pair: pair[0])
            found.append(self._say("best", monitor=monitor, value=f"{value:.4g}", epoch=f"{epoch:g}"))
        found.append(f"{sparkline(values, max(10, min(60, width - 20)))}  {monitor}")
        return found

    def _left(self, row: Row) -> str:
        done = max(row["epoch"], 1e-9)
        left = row["seconds"] / done * (self.recipe.epochs - done)
        if self.recipe.time_budget is not None:
            left = min(left, self.recipe.time_budget - row["seconds"])
        return duration(max(left, 0.0))

    def _say(self, code: str, **values: Any) -> str:
        return say(f"terminal.progress.{code}", self.language, **values)


class Silent(Progress):
    """Shows nothing."""

    def __enter__(self) -> Progress:
        return self

    def during(self, state: TrainingState) -> None:
        """Do nothing."""

    def epoch(self, row: Row) -> None:
        """Do nothing."""


def duration(seconds: float) -> str:
    """Return a time as people write it.

    >>> duration(4.21), duration(75), duration(7300)
    ('4.2 s', '1:15', '2:01:40')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def sparkline(values: list[float], width: int) -> str:
    """Return a curve of block characters; where it spans decades, of the logarithms.

    >>> sparkline([8, 4, 2, 1], 4)
    '█▄▂▁'
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    if min(finite) > 0 and max(finite) / min(finite) > 30:
        values = [math.log(value) if math.isfinite(value) else math.nan for value in values]
        finite = [value for value in values if math.isfinite(value)]
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    if len(values) > width:
        values = [values[round(index * (len(values) - 1) / (width - 1))] for index in range(width)]
    levels = [
        BLOCKS[round((value - low) / span * (len(BLOCKS) - 1))] if math.isfinite(value) else " "
        for value in values
    ]
    return "".join(levels)


def _is_metric(name: str) -> bool:
    return name.startswith("valid_") and name != "valid_loss"


def higher_is_better(monitor: str) -> bool:
    """Say whether larger values of a column of the History are better."""
    from goodfit.evaluation import metrics

    return not monitor.endswith("loss") and metrics.higher_is_better(monitor.partition("_")[2])
