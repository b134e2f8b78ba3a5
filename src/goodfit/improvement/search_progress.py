"""How a search goes, in one line on stderr while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from goodfit.improvement.trial import Trial, best_first
from goodfit.messages import say
from goodfit.workflow.live_display import LiveDisplay, terminal
from goodfit.workflow.progress import duration

__all__ = ["SearchProgress"]


class SearchProgress(LiveDisplay):
    """Shows a search on stderr; shows nothing where that is no terminal or nobody wants it."""

    def __init__(
        self, wanted: bool, trials: int | None, monitor: str, higher: bool, language: str = "en"
    ) -> None:
        super().__init__(language, terminal(wanted))
        self.trials, self.monitor, self.higher = trials, monitor, higher
        self.words = say("tuning.progress.begins", language)

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
        self.draw()

    def finals(self) -> None:
        """Say that the best ones are being trained again."""
        self.words = say("tuning.progress.finals", self.language)
        self.draw()

    def lines(self, width: int = 80) -> list[str]:
        """Return the line."""
        return [f"{self.words}   {duration(time.perf_counter() - self._began)}"]
