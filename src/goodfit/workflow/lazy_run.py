"""A Run that is judged when somebody first asks: many trainings end at once, few of them are looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from goodfit.evaluation.baselines import Predictor
from goodfit.evaluation.scores import Evaluation
from goodfit.finding import Finding
from goodfit.observations import Observations
from goodfit.run import Run

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LazyRun"]


class LazyRun(Run):
    """A Run whose findings, observations, evaluation and baselines are computed when first asked for.

    What is computed is kept; in every other way it is a `Run`, and `dataclasses.replace` makes one that is
    computed whole.
    """

    _finish: Callable[[], Run]

    @classmethod
    def of(cls, finish: Callable[[], Run], **known: Any) -> LazyRun:
        """Return a Run of what is ``known`` already, whose rest ``finish`` computes.

        Parameters
        ----------
        finish
            Returns the whole Run.
        known
            Every field of `Run` but those that are computed.
        """
        run = object.__new__(cls)
        run.__dict__.update(known, _finish=finish)
        return run

    @cached_property
    def _whole(self) -> Run:
        return self._finish()

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the diagnosis says, the most severe first."""
        return self._whole.findings

    @cached_property
    def observations(self) -> Observations:
        """What the diagnosis looked at."""
        return self._whole.observations

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """How good it is on rows that training never saw; None where there were none."""
        return self._whole.evaluation

    @cached_property
    def test_predictions(self) -> pl.DataFrame | None:
        """What is said of each test row, beside what is true of it."""
        return self._whole.test_predictions

    @cached_property
    def baselines(self) -> Mapping[str, Predictor]:
        """The prior and the linear model, by name."""
        return self._whole.baselines
