"""Tuning: what a search has found, and with what right one may believe it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from goodfit.errors import InputError
from goodfit.improvement.evidence import Finalist
from goodfit.improvement.space import Space
from goodfit.improvement.trial import Trial, best_first, trial_columns
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.run import Run

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.axes import Axes

__all__ = ["SearchEnd", "Tuning"]

SearchEnd = Literal["trials", "time-budget", "interrupted", "no-more"]
"""What ended a search: enough trials, the time, Ctrl-C, or no points left."""


@dataclass(frozen=True, eq=False)
class Tuning:
    """What a search has found.

    Parameters
    ----------
    run
        The best recipe, trained and judged: its evaluation on the test rows is the only one that was made.
    trials
        Every recipe that was tried, in the order in which they ended.
    space
        What was searched.
    finalists
        The best few and what is trained without a search, over several seeds, the best first; empty
        where there was no time for it, or one seed was asked for.
    importance
        Share of the variance between trials that each name explains; empty where they are too few.
    monitor, higher
        What trials are compared by, and whether larger is better.
    sampler, seconds, ended_by
        What proposed the recipes, how long it all took, and what ended the search.
    notes
        What was left out and why.
    command
        The ``goodfit train`` command that trains the best recipe again; empty where there is no file to name.
    folder
        Where it was saved.
    """

    run: Run
    trials: tuple[Trial, ...]
    space: Space
    finalists: tuple[Finalist, ...] = ()
    importance: Mapping[str, float] = field(default_factory=dict)
    monitor: str = "valid_loss"
    higher: bool = False
    sampler: str = "tpe"
    seconds: float = 0.0
    ended_by: SearchEnd = "trials"
    notes: tuple[Message, ...] = ()
    command: str = ""
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The data's name."""
        return self.run.name

    @property
    def recipe(self) -> Recipe:
        """The best recipe, with nothing left to decide: `goodfit.train` with it trains the same run."""
        return self.run.recipe

    @property
    def best(self) -> Trial:
        """The trial with the best value; the finals may have preferred another."""
        return best_first(self.trials, higher=self.higher)[0]

    def best_so_far(self) -> dict[str, NDArray[np.float64]]:
        """Return ``seconds`` and ``value``: when each better value was found, the first one first."""
        known = [(trial.found, trial.value) for trial in self.trials]
        for trial in self.trials:
            known += zip(trial.curve.get("seconds", ()), trial.curve.get(self.monitor, ()), strict=False)
        sign = -1.0 if self.higher else 1.0
        finite = sorted((second, sign * value) for second, value in known if math.isfinite(second + value))
        seconds, values = np.array(finite).reshape(-1, 2).T
        best = np.minimum.accumulate(values)
        better = np.diff(best, prepend=np.inf) < 0
        return {"seconds": seconds[better], "value": sign * best[better]}

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame with a row for each trial."""
        import polars as pl

        return pl.DataFrame(trial_columns(self.trials, self.monitor), strict=False)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame with a row for each trial.

        Raises
        ------
        InputError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise InputError("extra.missing", package="pandas", extra="pandas") from None
        return pd.DataFrame(trial_columns(self.trials, self.monitor))

    def story(self, language: str = "en", width: int = 100) -> str:
        """Return what was tried, what was found and how sure it is, as text for a terminal."""
        from goodfit.improvement.story import tell_tuning

        return tell_tuning(self, language, width)

    def plot(self, *, ax: Axes | None = None, language: str = "en") -> Axes:
        """Draw the best value so far against time."""
        from goodfit.improvement.figures import best_so_far

        return best_so_far(self, ax=ax, language=language)

    def report(self, path: str | Path | None = None, *, language: str = "en") -> Path:
        """Write the report, one self-contained HTML file, and return its path.

        Without a path it goes into the folder where the tuning was saved.
        """
        from goodfit.files import write_atomically
        from goodfit.improvement.page import render_tuning

        if path is None:
            if self.folder is None:
                raise InputError("run.report-where")
            path = self.folder / "report.html"
        write_atomically(Path(path), render_tuning(self, language))
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as plain data for JSON, without the trials' curves."""
        return {
            "name": self.name,
            "recipe": self.recipe.to_dict(),
            "monitor": self.monitor,
            "higher_is_better": self.higher,
            "sampler": self.sampler,
            "seconds": self.seconds,
            "ended_by": self.ended_by,
            "space": self.space.plain(),
            "importance": dict(self.importance),
            "finalists": [_finalist(each) for each in self.finalists],
            "trials": [_trial(trial) for trial in self.trials],
            "notes": [note.to_dict() for note in self.notes],
            "command": self.command,
        }

    def __repr__(self) -> str:
        best = self.best
        return (
            f"<Tuning {self.name}: {len(self.trials)} trials in {self.seconds:.1f} s, "
            f"best {self.monitor} {best.value:.4g} (trial {best.number})>"
        )


def _finalist(finalist: Finalist) -> dict[str, Any]:
    behind = finalist.behind
    return {
        "trial": finalist.trial,
        "recipe": finalist.recipe.changes(),
        "values": list(finalist.values),
        "mean": finalist.mean,
        "behind": None if behind is None else {"value": behind.value, "low": behind.low, "high": behind.high},
        "chance": finalist.chance,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "value": trial.value,
        "epochs": trial.epochs,
        "best_epoch": trial.best_epoch,
        "found": trial.found,
        "values": dict(trial.values),
        "reason": None if trial.reason is None else trial.reason.to_dict(),
    }
