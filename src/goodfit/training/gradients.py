"""The gradients of an update: of one minibatch or several, with noise, mixing, penalties and clipping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from goodfit.data.batches import Batch, count_rows, derive_seed
from goodfit.training.job import Job
from goodfit.training.losses import convert_target
from goodfit.training.optimizers import backward_with_graph
from goodfit.training.outputs import outputs_of
from goodfit.training.regularization import add_l1_gradient, clip_gradients, mixup, noisy_labels

__all__ = ["Group", "adjust_gradients", "batch_loss", "gradients", "group_weight", "groups"]

Group = tuple[Batch, ...]
"""The minibatches of one update: one, or as many as the recipe accumulates."""


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


def groups(batches: Iterator[Batch], size: int) -> Iterator[Group]:
    """Deliver ``size`` batches at a time; the last group may hold fewer."""
    if size == 1:
        return zip(batches)
    return iter(lambda: tuple(islice(batches, size)), ())
