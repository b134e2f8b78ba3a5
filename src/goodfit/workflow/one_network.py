"""A single network trained with its checkpoints, anew or from where it stood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from goodfit.observations import EndedBy
from goodfit.recipe import Recipe
from goodfit.saving import begin_folder
from goodfit.training.attention import Attention
from goodfit.training.job import Job
from goodfit.training.loop import train as train_loop
from goodfit.training.state import Row, TrainingState
from goodfit.training.threads import threads_of, using_threads
from goodfit.training.weights import load_weights
from goodfit.workflow.default_network import Plan
from goodfit.workflow.job import make_job
from goodfit.workflow.parts import Parts
from goodfit.workflow.progress import Progress
from goodfit.workflow.resuming import Resumed, checkpoint_saver
from goodfit.workflow.starting import Start
from goodfit.workflow.tensorboard import tensorboard_events

__all__ = ["OneNetwork", "OneTrained", "run_loop"]


class OneTrained(NamedTuple):
    """A single network that has been trained; ``went_on`` says whether anything was left to do for that."""

    job: Job
    state: TrainingState
    ended: EndedBy
    went_on: bool = True


@dataclass(frozen=True)
class OneNetwork:
    """Trains the ordinary network of a plan.

    Parameters
    ----------
    asked
        ``data, target, valid, test, options, name`` as the caller gave them.
    shown
        Returns the display of a recipe's training.
    place
        Where the checkpoints go; None: nowhere.
    folder
        The run's folder where it is yet to be made.
    start
        What the network begins with.
    resumed
        A training to go on with.
    """

    parts: Parts
    model: Any
    functions: Mapping[str, Any]
    asked: Mapping[str, Any]
    shown: Callable[[Recipe], Progress]
    vitals: bool = True
    tensorboard: str | Path | None = None
    place: Path | None = None
    folder: Path | None = None
    force: bool = False
    start: Start | None = None
    resumed: Resumed | None = None

    def train(self, plan: Plan, ends: Callable[[], float], *, begins: bool = True) -> OneTrained:
        """Train the network.

        Parameters
        ----------
        ends
            Says when it must have ended, by ``time.perf_counter``.
        begins
            Whether the whole training begins with it, or goes on with it; else it takes another's place.
        """
        weights = None if self.start is None else self.start.weights
        job, state = make_job(self.parts, plan.recipe, self.model, self.functions, weights)
        job = replace(job, vitals=self.vitals)
        resumed = self.resumed if begins else None
        if resumed is not None:
            state = resumed.restore(job, self.parts) or state
        before = state.step
        threads = (None if resumed is None else resumed.threads) or threads_of(job)
        save = None
        if self.place is not None:
            if begins and self.folder is not None:
                begin_folder(self.folder, force=self.force)
            fresh = resumed is None
            save = checkpoint_saver(self.place, job, self.parts, plan, self.asked, threads, fresh=fresh)
            if resumed is None or resumed.checkpoint is None:
                save(state)  # whatever the network began with, a resume begins with it too
        events = tensorboard_events(self.tensorboard, instead=not begins)
        with events as told, using_threads(threads):
            ended = run_loop(job, state, save, self.shown(plan.recipe), told, ends())
        return OneTrained(job, state, ended, state.step > before)


def run_loop(
    job: Job,
    state: TrainingState,
    save: Callable[[TrainingState], None] | None,
    shown: Progress,
    told: Callable[[Row], None] | None = None,
    ends_at: float = math.inf,
) -> EndedBy:
    """Train, tell of each epoch, and save the training's end as the last checkpoint.

    Whatever ends it, an exception too, the model has the best weights.
    """

    def on_epoch(row: Row) -> None:
        shown.epoch(row)
        if told is not None:
            told(row)

    shown.rows = list(state.rows)
    attention = Attention(
        time_budget=job.recipe.time_budget, ends_at=ends_at, save=save, progress=shown.during
    )
    with shown:
        try:
            ended = train_loop(job, state, attention, on_epoch)
            if save is not None and not state.batch:  # cut in the middle of an epoch, it was saved there
                save(state)
        finally:
            if state.best_weights is not None:
                load_weights(job.model, state.best_weights)
            job.model.eval()
    return ended
