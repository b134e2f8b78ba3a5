"""A weight for every row: a Job in which each row's loss counts as much as its weight says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.data.batches import Batch, TensorBatches
from goodfit.errors import InputError
from goodfit.training.job import Job
from goodfit.training.losses import Loss
from goodfit.training.outputs import call
from goodfit.workflow.parts import pick

__all__ = ["losses_of_rows", "weighted"]


def weighted(job: Job, train: Tensor, valid: Tensor | None) -> Job:
    """Return the job with each row's loss multiplied by its weight.

    Weights are taken relative to their mean over the part: twice the weights are the same training. The
    gradient of a minibatch so is an unbiased estimate of that of all rows. Class weights multiply them.

    Parameters
    ----------
    train, valid
        Weights of the training and of the validation rows, positive, shape ``(rows,)``.

    Raises
    ------
    InputError
        The recipe mixes rows or labels (``mixup``, ``label_noise``), or the loss cannot be taken row by row.
    """
    for option in ("mixup", "label_noise"):
        if getattr(job.recipe, option):
            raise InputError("estimators.weights-and", option=option)

    def step(model: nn.Module, batch: Batch) -> tuple[Tensor, Any]:
        (inputs, weights), target = batch
        outputs = call(model, inputs).float()
        losses = losses_of_rows(job.loss, outputs, target)
        return (weights * losses).sum() / job.loss.weight(outputs, target), outputs

    return replace(
        job,
        step=step,
        direct=None,
        train=_with_weights(job.train, train),
        valid=None if job.valid is None or valid is None else _with_weights(job.valid, valid),
        sample=_sample(job, train),
    )


def losses_of_rows(loss: Loss, outputs: Tensor, target: Tensor) -> Tensor:
    """Return the loss of each row, shape ``(rows,)``; over several columns their sum, class weights included.

    >>> from goodfit.training.losses import make_loss
    >>> losses_of_rows(make_loss("mse"), torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [0.0]]))
    tensor([0., 4.])

    Raises
    ------
    InputError
        A loss of one's own that does not work on a single row.
    """

    def of_row(output: Tensor, actual: Tensor) -> Tensor:
        return loss.total(output.unsqueeze(0), actual.unsqueeze(0))

    try:
        losses: Tensor = torch.func.vmap(of_row)(outputs, target)
    except RuntimeError as error:
        problem = str(error).splitlines()[0]
        raise InputError("estimators.loss-by-row", loss=loss.name, problem=problem) from error
    return losses


def _with_weights(batches: Any, weights: Tensor) -> TensorBatches:
    assert isinstance(batches, TensorBatches)
    weights = (weights / weights.mean()).to(torch.float32)
    return replace(batches, inputs=(batches.inputs, weights))


def _sample(job: Job, weights: Tensor) -> TensorBatches | None:
    """Return a fixed sample of training rows, as many as the job's own, with their weights."""
    train, sample = job.train, job.sample
    if sample is None:
        return None
    assert isinstance(train, TensorBatches)
    assert isinstance(sample, TensorBatches)
    if sample.rows == train.rows:
        return _with_weights(sample, weights)
    order = torch.randperm(train.rows, generator=torch.Generator().manual_seed(0))
    index = order[: sample.rows].sort().values
    rows = replace(sample, inputs=pick(train.inputs, index), target=pick(train.target, index))
    return _with_weights(rows, weights[index])
