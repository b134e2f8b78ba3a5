"""The training loop: train_step, evaluate_step, train_one_epoch, train."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from torch import Tensor

from goodfit.observations import EndedBy
from goodfit.training.attention import Attention, heeding_interrupts
from goodfit.training.batch_checks import refuse_batch
from goodfit.training.compiling import compiled
from goodfit.training.gradients import Group, adjust_gradients, gradients, group_weight, groups
from goodfit.training.hopeless import hopeless
from goodfit.training.job import Job
from goodfit.training.lean_step import lean_step, lean_zero_grad
from goodfit.training.measuring import evaluate_step, measure_epoch, measure_start, try_rows
from goodfit.training.optimizers import set_learning_rate
from goodfit.training.randomness import generator_states, restore, seed_epoch
from goodfit.training.state import Row, TrainingState
from goodfit.training.stopping import ended_by
from goodfit.training.vitals import KeptGradients, layer_rows, measured_at, weights_now

__all__ = ["evaluate_step", "train", "train_one_epoch", "train_step"]


def train(job: Job, state: TrainingState, attention: Attention, on_epoch: Callable[[Row], None]) -> EndedBy:
    """Train from ``state`` to the end and return what ended it; the best weights are in the state.

    Parameters
    ----------
    attention
        Ends a training between two updates, and does what is due by the clock.
    on_epoch
        Is told of each row of the History.
    """
    if job.scaler is None:
        job = replace(job, update=lean_step(job.optimizer), zero_grad=lean_zero_grad(job.optimizer))
    if job.vitals and not state.step and not state.vitals:
        measure_start(job, state)
    attention.begin(state.seconds)
    ended = _ended(job, state, attention) if state.rows and not state.batch else None
    with heeding_interrupts(attention), compiled(job.model, job.recipe.compile):
        while ended is None:
            ended = train_one_epoch(job, state, attention)
            on_epoch(measure_epoch(job, state, attention))
            ended = ended or _ended(job, state, attention)
            if ended is None and perf_counter() >= attention.at:
                ended = attention.look(state)
    state.seconds = attention.seconds()
    return ended


def _ended(job: Job, state: TrainingState, attention: Attention) -> EndedBy | None:
    finite = all(math.isfinite(state.rows[-1].get(name, 0.0)) for name in ("running_loss", "train_loss"))
    seconds = attention.seconds()
    ended = ended_by(job.recipe, state.best, epoch=state.epoch, seconds=seconds, finite=finite)
    return ended if ended is not None or job.recipe.keep_going else hopeless(state)


def train_one_epoch(job: Job, state: TrainingState, attention: Attention) -> EndedBy | None:
    """Go once through the training rows; return what cut the epoch short, None if nothing did."""
    job.model.train()
    if job.facts.has_train_mode:
        job.optimizer.train()  # type: ignore[attr-defined]
    seed_epoch(job.recipe.seed, state.epoch)
    if state.batch == 0:
        state.losses, state.loss_weights = [], []
        state.generators = generator_states(job.train)
    batches = job.train.epoch(state.epoch, state.batch)
    if state.random is not None and state.batch:
        restore(state.random)
    state.random = None
    watched = job.vitals and measured_at(state.epoch + 1)
    steps = job.train.steps()
    last = (steps or 0) - job.recipe.accumulate if watched else math.inf
    before = kept = None
    for group in groups(batches, job.recipe.accumulate):
        if state.batch >= last:
            before = weights_now(job.model)
            kept = KeptGradients(_optimized(job)) if job.direct is None else None
        if job.schedule is not None:
            set_learning_rate(job.optimizer, job.schedule(state.step) * state.rate_factor)
        try:
            state.losses.append(train_step(job, group, (state.epoch, state.batch)))
        except (IndexError, RuntimeError, ValueError):
            for place, batch in enumerate(group, state.batch):
                refuse_batch(job, job.train, batch, place, "train")
            raise
        state.loss_weights.append(group_weight(job, group))
        state.batch += len(group)
        state.step += 1
        if perf_counter() >= attention.at and state.batch != steps:  # else after it has been measured
            cut = attention.look(state)
            if cut is not None:
                return cut
    state.epoch, state.batch = state.epoch + 1, 0
    if watched:
        found = None if kept is None else kept.end()
        state.vitals += layer_rows(job.model, before, partial(try_rows, job), state.epoch, found)
    return None


def _optimized(job: Job) -> list[Tensor]:
    return [weight for group in job.optimizer.param_groups for weight in group["params"]]


def train_step(job: Job, group: Group, position: tuple[int, int] = (0, 0)) -> Tensor:
    """Update the weights once; return the mean loss of the group's rows before the update.

    Parameters
    ----------
    group
        The minibatches whose gradients are added, weighted by their rows: as if they were one batch.
    position
        Epoch and batch number, from which what is random about a batch is drawn.
    """
    loss: Any
    if job.direct is not None:
        loss = job.direct(*group[0])
        adjust_gradients(job)
        _update(job)
    elif job.facts.needs_closure:
        closure: Any = lambda: gradients(job, group, position)  # noqa: E731 - typed for torch's narrow stub
        loss = job.optimizer.step(closure)
    else:
        loss = gradients(job, group, position)
        _update(job)
    if job.average is not None and job.average.decay is not None:
        job.average.update()
    return loss.detach()  # type: ignore[no-any-return]


def _update(job: Job) -> None:
    if job.scaler is not None:
        job.scaler.step(job.optimizer)
        job.scaler.update()
    elif job.update is not None:
        job.update()
    else:
        job.optimizer.step()
