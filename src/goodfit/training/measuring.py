"""What is measured at the end of an epoch: loss and metrics over all rows, the layers, the best weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from goodfit.data.batches import Batch, Batches, count_rows, head
from goodfit.evaluation.metrics import measure
from goodfit.training.attention import Attention
from goodfit.training.averaging import reestimate_batchnorm
from goodfit.training.batch_checks import refuse_batch
from goodfit.training.gradients import batch_loss, group_weight
from goodfit.training.job import Job
from goodfit.training.losses import convert_target
from goodfit.training.optimizers import learning_rate_of
from goodfit.training.outputs import call, outputs_of
from goodfit.training.predicted import predicted_and_actual
from goodfit.training.randomness import seed_epoch, undisturbed
from goodfit.training.state import Row, TrainingState
from goodfit.training.stopping import record
from goodfit.training.vitals import VITAL_ROWS, start_rows
from goodfit.training.weights import copy_weights

__all__ = ["evaluate_step", "evaluated", "measure_epoch", "measure_start", "try_rows"]

Evaluated: TypeAlias = tuple[Tensor, Tensor | float, Tensor | None, Tensor | None]


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
        part = "valid" if batches is job.valid else "train"
        for _, (loss, rows, output, target) in evaluated(job, batches, part):
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


def evaluated(job: Job, batches: Batches, part: str) -> Iterator[tuple[Batch, Evaluated]]:
    """Deliver each batch with what `evaluate_step` returns of it.

    Raises
    ------
    InputError
        The network or the loss cannot take a batch.
    """
    for number, batch in enumerate(batches.epoch(0)):
        try:
            found = evaluate_step(job, batch)
        except (IndexError, RuntimeError, ValueError):
            refuse_batch(job, batches, batch, number, part)
            raise
        yield batch, found


def evaluate_step(job: Job, batch: Batch) -> Evaluated:
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
