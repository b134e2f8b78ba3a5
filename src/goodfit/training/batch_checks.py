"""Batches of one's own that the network or the loss cannot take: what is wrong with them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import nn

from goodfit.data.batches import Batch, Batches, leaves
from goodfit.errors import InputError
from goodfit.training.job import Job
from goodfit.training.loss_checks import check_loss
from goodfit.training.losses import convert_target
from goodfit.training.outputs import call

__all__ = ["refuse_batch"]


def refuse_batch(job: Job, batches: Batches, batch: Batch, number: int, part: str) -> None:
    """Refuse a batch that failed by what is wrong with it, if that can be told.

    Parameters
    ----------
    number
        Which batch it is, counted from 0.
    part
        What the batches are called in messages: ``train``, ``valid``, ``test``.

    Raises
    ------
    InputError
    """
    if job.step is not None:
        return
    _refuse_other_rows(job.model, batches, batch, number, part)
    inputs, target = batch
    job.model.eval()
    try:
        with torch.no_grad(), suppress(IndexError, RuntimeError, TypeError):
            outputs = call(job.model, inputs)
            check_loss(job.loss, outputs, convert_target(job.loss, target, outputs))
    except InputError as error:
        values = {"part": part, "batch": number + 1, "problem": error.message}
        raise InputError("training.batch-refused", **values) from None


def _refuse_other_rows(model: nn.Module, batches: Batches, batch: Batch, number: int, part: str) -> None:
    """Refuse a batch that failed if its rows have other shapes than those of the first batch.

    Rows of any length are fine for a network that takes them, so this is asked only once it has failed, and
    the network must fail again, called alone, and take the first batch: else there is another cause.
    """
    first = next(iter(batches.epoch(0)), batch)
    for one, other in zip(leaves(batch[0]), leaves(first[0]), strict=False):
        mine, usual = tuple(one.shape[1:]), tuple(other.shape[1:])
        if mine != usual and _takes(model, first[0]) and not _takes(model, batch[0]):
            values = {"part": part, "batch": number + 1, "given": _numbers(mine), "wanted": _numbers(usual)}
            raise InputError("training.batch-width", **values)


def _takes(model: nn.Module, inputs: Any) -> bool:
    """Say whether the network can compute with these inputs, given enough memory."""
    model.eval()
    try:
        with torch.no_grad():
            call(model, inputs)
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        return "memory" in str(error)
    return True


def _numbers(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1"
