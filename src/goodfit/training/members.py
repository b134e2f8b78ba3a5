"""The loss of a network that predicts several times side by side: each prediction has its own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from goodfit.training.loss_table import Function, Loss

__all__ = ["is_of_members", "of_members", "over_members", "repeated"]


def of_members(loss: Loss) -> Loss:
    """Return ``loss`` for outputs of shape (rows, members, units): the mean of the members' losses.

    Outputs of two dimensions, as in evaluation mode, are those of all members together and have the loss as
    it was.

    >>> import torch
    >>> from goodfit.training.losses import make_loss
    >>> loss = of_members(make_loss("mse"))
    >>> float(loss(torch.tensor([[[0.0], [2.0]]]), torch.tensor([[0.0]])))
    2.0
    """
    return replace(
        loss,
        objective=partial(over_members, loss.objective, summed=loss.reduction == "sum"),
        total=partial(over_members, loss.total, summed=True),
        weight=partial(_weight, loss),
    )


def is_of_members(loss: Loss) -> bool:
    """Say whether `of_members` made it."""
    return isinstance(loss.objective, partial) and loss.objective.func is over_members


def over_members(function: Function, outputs: Any, target: Any, *, summed: bool) -> Tensor:
    """Return the mean of ``function`` over the members; of their sums where it sums."""
    if not isinstance(outputs, Tensor) or outputs.dim() < 3:
        return function(outputs, target)
    members = outputs.shape[1]
    value = function(outputs.flatten(0, 1), repeated(target, members))
    return value / members if summed else value


def repeated(target: Tensor, members: int) -> Tensor:
    """Return each row's target once for each member."""
    return target.unsqueeze(1).expand(-1, members, *target.shape[1:]).flatten(0, 1)


def _weight(loss: Loss, outputs: Any, target: Any) -> Tensor | float:
    first = outputs[:, 0] if isinstance(outputs, Tensor) and outputs.dim() > 2 else outputs
    return loss.weight(first, target)
