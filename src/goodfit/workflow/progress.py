"""Progress of a training in the terminal: where it is, how good, the best so far, and the time left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from goodfit.messages import say
from goodfit.recipe import Recipe
from goodfit.workflow.live_display import LiveDisplay, terminal

if TYPE_CHECKING:
    from goodfit.training.state import Row, TrainingState

__all__ = ["Progress", "duration", "higher_is_better", "sparkline"]

BLOCKS = "▁▂▃▄▅▆▇█"


class Progress(LiveDisplay):
    """Shows a training while it runs; shows nothing without a console.

    Measuring never changes training: it is only told numbers that are there anyway.
    """

    def __init__(self, recipe: Recipe, language: str = "en", console: Any = None) -> None:
        super().__init__(language, console)
        self.recipe = recipe
        self.rows: list[Row] = []
        self._state: TrainingState | None = None

    @classmethod
    def of(cls, wanted: bool | Progress, recipe: Recipe, language: str) -> Progress:
        """Return the display that was asked for, or one on stderr where it is wanted."""
        return wanted if isinstance(wanted, Progress) else cls(recipe, language, terminal(wanted))

    def during(self, state: TrainingState) -> None:
        """Show how far the current epoch is."""
        self._state = state
        self.draw()

    def epoch(self, row: Row) -> None:
        """Take in the row of an epoch."""
        self.rows.append(row)
        self.draw()

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
