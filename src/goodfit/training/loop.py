"""The training loop: train_step, evaluate_step, train_one_epoch, train."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from goodfit.data.batches import Batch, Batches, count_rows, derive_seed, head
from goodfit.evaluation.metrics import measure
from goodfit.observations import EndedBy
from goodfit.training.attention import Attention, heeding_interrupts
from goodfit.training.averaging import reestimate_batchnorm
from goodfit.training.hopeless import hopeless
from goodfit.training.job import Job
from goodfit.training.lean_step import lean_step, lean_zero_grad
from goodfit.training.loss_checks import check_loss
from goodfit.training.losses import convert_target
from goodfit.training.optimizers import backward_with_graph, learning_rate_of, set_learning_rate
from goodfit.training.predicted import predicted_and_actual
from goodfit.training.randomness import generator_states, restore, seed_epoch, undisturbed
from goodfit.training.regularization import add_l1_gradient, clip_gradients, mixup, noisy_labels
from goodfit.training.state import Row, TrainingState
from goodfit.training.stopping import ended_by, record
from goodfit.training.vitals import (
    VITAL_ROWS,
    KeptGradients,
    layer_rows,
    measured_at,
    start_rows,
    weights_now,
)
from goodfit.training.weights import copy_weights

__all__ = [
    "call",
    "evaluate",
    "evaluate_step",
    "train",
    "train_one_epoch",
    "train_step",
]

Group = tuple[Batch, ...]
"""The minibatches of one update: one, or as many as the recipe accumulates."""


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
    with heeding_interrupts(attention):
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
            refuse(job, group)
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


def measure_start(job: Job, state: TrainingState) -> None:
    """Measure layers and loss before the first update, where a few rows can go through the network."""
    source = job.sample or job.valid
    if source is None:
        return
    with undisturbed(job.train, job.valid), suppress(RuntimeError, ValueError):
        seed_epoch(job.recipe.seed, 0)
        group = (head(next(source.epoch(0)), VITAL_ROWS),)
        summed = job.loss.reduction == "sum" and job.step is None
        job.model.train()
        rows, loss = start_rows(job.model, lambda: batch_loss(job, group[0], (0, 0)))
        state.vitals += rows
        state.start_loss = loss / float(group_weight(job, group)) if summed else loss


def try_rows(job: Job) -> None:
    """Send a few training rows through the network, for the vitals."""
    source = job.sample or job.valid
    if source is not None:
        with undisturbed(job.train, job.valid):
            batch = head(next(source.epoch(0)), VITAL_ROWS)
            job.step(job.model, batch) if job.step is not None else call(job.model, batch[0])


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


def gradients(job: Job, group: Group, position: tuple[int, int]) -> Tensor:
    """Put the gradients of the group's mean loss where the optimizer finds them; return that loss."""
    (job.zero_grad or job.optimizer.zero_grad)()
    summed = job.loss.reduction == "sum" and job.step is None
    if len(group) == 1:
        loss = batch_loss(job, group[0], position)
        backward(job, loss)
    else:
        loss = torch.zeros((), device=job.device)
        weights = [group_weight(job, (batch,)) for batch in group]
        for number, batch in enumerate(group):
            part = batch_loss(job, batch, (position[0], position[1] + number))
            if not summed:
                part = part * (weights[number] / sum(weights))
            backward(job, part)
            loss += part.detach()
    if summed:
        loss = loss.detach() / group_weight(job, group)
    if job.scaler is not None:
        job.scaler.unscale_(job.optimizer)
    adjust_gradients(job)
    return loss


def adjust_gradients(job: Job) -> None:
    """Add the L1 penalty's gradient and clip, as the recipe says."""
    recipe = job.recipe
    if job.penalized:
        add_l1_gradient(job.penalized, recipe.l1)
    if recipe.gradient_clip is not None or recipe.gradient_clip_value is not None:
        clip_gradients(job.model.parameters(), norm=recipe.gradient_clip, value=recipe.gradient_clip_value)


def backward(job: Job, loss: Tensor) -> None:
    """Add the gradients of ``loss`` to those that are there."""
    if job.scaler is not None:
        job.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    elif job.facts.needs_create_graph:
        backward_with_graph(loss, job.optimizer)
    else:
        loss.backward()  # type: ignore[no-untyped-call]


def group_weight(job: Job, group: Group) -> Tensor | float:
    """Return what the group's mean loss counts for beside others: its rows, or their classes' weights."""
    if job.step is not None:
        return float(sum(count_rows(batch) for batch in group))
    total: Tensor | float = 0.0
    for _, target in group:
        taken = convert_target(job.loss, target) if job.convert else target
        total += job.loss.weight(taken, taken)
    return total


def refuse(job: Job, group: Group) -> None:
    """Refuse a batch that failed by what is wrong with it, if that can be told."""
    for batch in group if job.step is None else ():
        inputs, target = batch
        job.model.eval()
        with torch.no_grad(), suppress(IndexError, RuntimeError, TypeError):
            outputs = call(job.model, inputs)
            check_loss(job.loss, outputs, convert_target(job.loss, target, outputs))


def batch_loss(job: Job, batch: Batch, position: tuple[int, int]) -> Tensor:
    """Return the objective of one training batch, with the recipe's noise and mixing."""
    with nullcontext() if job.recipe.precision == "float32" else job.autocast():
        if job.step is not None:
            result = job.step(job.model, batch)
            return result[0] if isinstance(result, tuple) else result  # type: ignore[no-any-return]
        inputs, target = batch
        if job.recipe.label_noise or job.recipe.mixup:
            return noisy_loss(job, inputs, target, position)
        outputs = outputs_of(job, inputs)
        return job.loss(outputs, convert_target(job.loss, target, outputs) if job.convert else target)


def noisy_loss(job: Job, inputs: Any, target: Tensor, position: tuple[int, int]) -> Tensor:
    """Return the loss of a batch with redrawn labels or mixed rows, which seed and position decide."""
    generator = torch.Generator().manual_seed(derive_seed(job.recipe.seed, "noise", *position))
    if job.recipe.label_noise:
        target = noisy_labels(target, job.recipe.label_noise, generator, job.classes)
    if not job.recipe.mixup:
        outputs = outputs_of(job, inputs)
        return job.loss(outputs, convert_target(job.loss, target, outputs))
    mixed = mixup(inputs, target, job.recipe.mixup, generator)
    outputs = outputs_of(job, mixed.inputs)
    first, second = (convert_target(job.loss, part, outputs) for part in (mixed.target, mixed.other))
    return mixed.share * job.loss(outputs, first) + (1 - mixed.share) * job.loss(outputs, second)


def outputs_of(job: Job, inputs: Any) -> Any:
    """Return the model's outputs, in float32 where it computed in less: a loss sums many small numbers."""
    outputs = call(job.model, inputs)
    narrow = job.recipe.precision != "float32" and isinstance(outputs, Tensor)
    return outputs.float() if narrow else outputs


def call(model: nn.Module, inputs: Any) -> Any:
    """Return the model's outputs: a tensor is one argument, a tuple or list several, a dict named ones."""
    if isinstance(inputs, (tuple, list)) and not isinstance(inputs, PackedSequence):
        return model(*inputs)
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(inputs)


def groups(batches: Iterator[Batch], size: int) -> Iterator[Group]:
    """Deliver ``size`` batches at a time; the last group may hold fewer."""
    if size == 1:
        return zip(batches)
    return iter(lambda: tuple(islice(batches, size)), ())


def measure_epoch(job: Job, state: TrainingState, attention: Attention) -> Row:
    """Measure the epoch that has just ended, keep the weights if they are the best, and return the row."""
    if job.recipe.swa is not None and state.epoch > job.recipe.swa * job.recipe.epochs and not state.batch:
        assert job.average is not None
        job.average.update()
    with averaged(job, state):
        if job.facts.has_train_mode:
            job.optimizer.eval()  # type: ignore[attr-defined]
        row: Row = {"epoch": float(state.epoch), "step": float(state.step)}
        if state.batch:
            row["epoch"] += state.batch / max(job.train.steps() or state.batch + 1, state.batch + 1)
        sample = evaluate(job, job.sample) if job.sample is not None else {}
        valid = evaluate(job, job.valid) if job.valid is not None else {}
        row |= {"train_loss": sample.pop("loss")} if sample else {}
        row |= {"running_loss": running_loss(state)}
        row |= {"valid_loss": valid.pop("loss")} if valid else {}
        for name in dict.fromkeys([*sample, *valid]):
            row |= {f"train_{name}": sample[name]} if name in sample else {}
            row |= {f"valid_{name}": valid[name]} if name in valid else {}
        row |= {"learning_rate": learning_rate_of(job.optimizer), "seconds": attention.seconds()}
        state.rows.append(row)
        value = row[job.recipe.monitor]
        state.best, is_best = record(state.best, value, row["epoch"], job.recipe.min_improvement)
        if state.plateau is not None:
            state.plateau = state.plateau.after(value)
        if is_best:
            state.best_weights = copy_weights(job.model, state.best_weights)
    return row


@contextmanager
def averaged(job: Job, state: TrainingState) -> Iterator[None]:
    """Let the model carry the averaged weights inside, where there are any."""
    if job.average is None or not job.average.ready:
        yield
        return
    with job.average.applied():
        if job.average.decay is None and job.step is None:
            reestimate_batchnorm(job.model, (inputs for inputs, _ in job.train.epoch(state.epoch)))
        yield


def running_loss(state: TrainingState) -> float:
    """Return the mean loss of the epoch's rows, each as its batch was met."""
    if not state.losses:
        return math.nan
    losses = torch.stack(state.losses).double().cpu().numpy()
    return float(np.average(losses, weights=[float(weight) for weight in state.loss_weights]))


def evaluate(job: Job, batches: Batches) -> dict[str, float]:
    """Return the loss and the metrics over all rows, exactly: no mean of batch means."""
    job.model.eval()
    total: Tensor | float = 0.0
    weight: Tensor | float = 0.0
    outputs, targets = [], []
    with torch.no_grad():
        for batch in batches.epoch(0):
            loss, rows, output, target = evaluate_step(job, batch)
            total += loss
            weight += rows
            if job.metrics and isinstance(output, Tensor) and target is not None:
                predictions, actual = predicted_and_actual(job.loss, output, target)
                outputs.append(predictions)
                targets.append(actual)
    result = {"loss": float(total) / float(weight) if weight else math.nan}
    if outputs:
        predicted, true = torch.cat(outputs).cpu().numpy(), torch.cat(targets).cpu().numpy()
        if job.decode is not None:
            true, predicted = job.decode(true), job.decode(predicted)
        result |= measure(job.metrics, true, predicted)
    return result


def evaluate_step(job: Job, batch: Batch) -> tuple[Tensor, Tensor | float, Tensor | None, Tensor | None]:
    """Return a batch's summed loss, the weight of its rows, and outputs and target where there are any."""
    with nullcontext() if job.recipe.precision == "float32" else job.autocast():
        if job.step is not None:
            result = job.step(job.model, batch)
            loss, output = result if isinstance(result, tuple) else (result, None)
            target = batch[1] if isinstance(batch, (tuple, list)) and len(batch) == 2 else None
            return loss.detach() * count_rows(batch), count_rows(batch), output, target
        inputs, target = batch
        output = outputs_of(job, inputs)
        target = convert_target(job.loss, target, output)
        total, weight = job.loss.sum_and_weight(output, target)
        return total, weight, output, target
