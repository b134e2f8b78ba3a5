"""The losses by name over stacked outputs: each member's loss and its gradient, without autograd.

Outputs are (members, units, rows): rows last, as the stacked networks have them. A target is brought into
that shape once an epoch by `BatchedLoss.prepare`, with smoothing and class weights in it, so that a step has
few operations left. What members may differ in (smoothing, weights, delta) is held as (members, ...) tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from goodfit.training.loss_table import Loss

__all__ = ["BatchedLoss", "Prepared", "batched_loss", "loss_signature"]

Option = float | Tensor
"""A number where all members agree, (members, 1, 1) or (members, units, 1) where they do not."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Targets made ready.

    Parameters
    ----------
    tensors
        What the loss needs, each (members or 1, units, rows).
    weight
        What each row counts for, (members or 1, rows); None where every row (or element) counts for 1.
    """

    tensors: tuple[Tensor, ...]
    weight: Tensor | None = None

    def rows(self, first: int, last: int, repeats: int = 1) -> Prepared:
        """Return the rows from ``first`` to before ``last``, all of them ``repeats`` times."""
        weight = None if self.weight is None else self.weight[:, first:last]
        tensors = tuple(tensor[..., first:last] for tensor in self.tensors)
        if repeats > 1:
            weight = None if weight is None else weight.repeat(1, repeats)
            tensors = tuple(tensor.repeat(1, 1, repeats) for tensor in tensors)
        return Prepared(tensors, weight)


Rule = Callable[..., tuple[Tensor, Tensor]]
"""Outputs and prepared tensors to each element's loss, (members, units, rows), and its gradient."""


@dataclass(frozen=True, eq=False)
class BatchedLoss:
    """A loss of many members.

    Parameters
    ----------
    name
        Its name in the table of losses.
    options
        Its options, and ``weight``, the classes' weights (members, classes, 1) or None.
    by_element
        Whether the mean runs over rows and units; over rows alone otherwise.
    """

    name: str
    options: Mapping[str, Any]
    by_element: bool

    def prepare(self, target: Tensor, units: int) -> Prepared:
        """Return targets made ready: from (members or 1, rows) or (members or 1, rows, units)."""
        return _PREPARE[self.name](self.options, target, units)

    def weight(self, outputs: Tensor, prepared: Prepared) -> float | Tensor:
        """Return what a batch's sum is divided by to give the mean: a number, or (members or 1,)."""
        if prepared.weight is not None:
            return prepared.weight.sum(-1)
        return float(outputs.shape[2] * (outputs.shape[1] if self.by_element else 1))

    def total(self, outputs: Tensor, prepared: Prepared) -> Tensor:
        """Return the sum of the losses of the rows, shape (members,)."""
        return _RULES[self.name](self.options, outputs, *prepared.tensors)[0].sum((1, 2))

    def loss_and_gradient(self, outputs: Tensor, prepared: Prepared) -> tuple[Tensor, Tensor, float | Tensor]:
        """Return the rows' losses summed (members,), the gradient of their mean, and the mean's weight."""
        losses, gradient = _RULES[self.name](self.options, outputs, *prepared.tensors)
        weight = self.weight(outputs, prepared)
        if isinstance(weight, float):
            return losses.sum((1, 2)), gradient.mul_(1 / weight), weight
        return losses.sum((1, 2)), gradient.div_(weight[:, None, None]), weight

    def keep(self, index: Tensor) -> BatchedLoss:
        """Return the loss of the members ``index`` alone."""
        options = {
            name: value[index] if isinstance(value, Tensor) else value for name, value in self.options.items()
        }
        return BatchedLoss(self.name, options, self.by_element)


def loss_signature(loss: Loss) -> tuple[Any, ...] | None:
    """Return what members' losses must have in common to be batched; None where one cannot be."""
    if loss.settings is None or loss.reduction != "mean" or loss.name not in _RULES:
        return None
    settings = loss.settings
    switches = tuple(settings.get(name) for name in ("log_input", "full", "ignore_index"))
    weights = tuple(settings.get(name) is not None for name in ("weight", "pos_weight"))
    positive = settings.get("pos_weight")
    several = isinstance(positive, Tensor) and positive.numel() > 1
    return None if several else (loss.name, switches, weights)


def batched_loss(losses: Sequence[Loss], device: torch.device | None = None) -> BatchedLoss:
    """Return the loss of many members, whose signatures are the same."""
    settings = [loss.settings or {} for loss in losses]
    options: dict[str, Any] = {}
    for name, value in settings[0].items():
        values = [member[name] for member in settings]
        if isinstance(value, Tensor):
            options[name] = torch.stack([item.reshape(-1, 1) for item in values]).to(device)
        elif isinstance(value, float) and any(item != value for item in values):
            options[name] = torch.tensor(values, dtype=torch.float32, device=device).reshape(-1, 1, 1)
        else:
            options[name] = value
    return BatchedLoss(losses[0].name, options, losses[0].facts.target != "labels")


# Targets made ready, once an epoch


def _values(options: Mapping[str, Any], target: Tensor, units: int) -> Prepared:
    return Prepared((_units_first(target),))


def _units_first(target: Tensor) -> Tensor:
    return target.unsqueeze(1) if target.ndim == 2 else target.transpose(1, 2).contiguous()


def _labels(options: Mapping[str, Any], target: Tensor, units: int) -> Prepared:
    """Return the share of each class in each row, times what it counts for, (members, classes, rows)."""
    ignored, weights = options.get("ignore_index"), options.get("weight")
    smoothing = options.get("label_smoothing", 0.0)
    kept = None
    if target.is_floating_point():
        shares = target.transpose(1, 2)
    else:
        if ignored is not None:
            kept = target != ignored
            target = target.clamp(0, units - 1)
        shares = torch.zeros(len(target), units, target.shape[1], device=target.device)
        shares.scatter_(1, target.unsqueeze(1), 1.0)
    counted: Tensor | None = None
    if weights is not None and not target.is_floating_point():
        counted = (shares * weights).sum(1)
    if isinstance(smoothing, Tensor) or smoothing:
        shares = shares * (1 - smoothing) + smoothing / units
    if weights is not None:
        shares = shares * weights
    if kept is not None:
        shares = shares * kept.unsqueeze(1)
        counted = kept.float() if counted is None else counted * kept
    whole = weights is None and kept is None and not target.is_floating_point()
    mass = () if whole else (shares.sum(1, keepdim=True),)
    return Prepared((shares, *mass), counted)


def _binary(options: Mapping[str, Any], target: Tensor, units: int) -> Prepared:
    """Return the target, what a 1 counts for beside a 0, and what each element counts for."""
    target = _units_first(target)
    smoothing, weights, positive = (options.get(name) for name in ("label_smoothing", "weight", "pos_weight"))
    each = None if weights is None else torch.lerp(weights[:, :1], weights[:, 1:], target)
    if isinstance(smoothing, Tensor) or smoothing:
        target = target * (1 - smoothing) + smoothing / 2
    if positive is None and each is None:
        return Prepared((target,))
    falls = 1 - target
    rises = target if positive is None else target * positive
    if each is None:
        return Prepared((rises, falls.expand_as(rises)))
    return Prepared((rises * each, falls * each), each.sum(1))


_PREPARE: Mapping[str, Callable[[Mapping[str, Any], Tensor, int], Prepared]] = {
    "mse": _values,
    "mae": _values,
    "huber": _values,
    "poisson": _values,
    "bce": _binary,
    "cross_entropy": _labels,
    "nll": _labels,
}


# Losses and gradients, each step


def _mse(options: Mapping[str, Any], outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    gap = outputs - target
    return gap.square(), gap.mul_(2)


def _mae(options: Mapping[str, Any], outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    gap = outputs - target
    return gap.abs(), gap.sign_()


def _huber(options: Mapping[str, Any], outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    gap, delta = outputs - target, options["delta"]
    near = (
        torch.minimum(torch.maximum(gap, -delta), delta)
        if isinstance(delta, Tensor)
        else gap.clamp(-delta, delta)
    )
    return near * (gap - near / 2), near


def _bce(options: Mapping[str, Any], outputs: Tensor, rises: Tensor, *falls: Tensor) -> tuple[Tensor, Tensor]:
    if not falls:
        return F.softplus(outputs) - rises * outputs, outputs.sigmoid().sub_(rises)
    share = outputs.sigmoid()
    losses = falls[0] * F.softplus(outputs) - rises * F.logsigmoid(outputs)
    return losses, falls[0] * share - rises * (1 - share)


def _cross_entropy(
    options: Mapping[str, Any], outputs: Tensor, shares: Tensor, *mass: Tensor
) -> tuple[Tensor, Tensor]:
    logs = torch.log_softmax(outputs, 1)
    losses = shares * logs
    probabilities = logs.exp_()
    if mass:
        probabilities.mul_(mass[0])
    return losses.neg_(), probabilities.sub_(shares)


def _nll(options: Mapping[str, Any], outputs: Tensor, shares: Tensor, *mass: Tensor) -> tuple[Tensor, Tensor]:
    return -(shares * outputs), torch.zeros_like(outputs).sub_(shares)


def _poisson(options: Mapping[str, Any], outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if options["log_input"]:
        rate = outputs.exp()
        losses, gradient = rate - target * outputs, rate - target
    else:
        shifted = outputs + options["eps"]
        losses, gradient = outputs - target * shifted.log(), 1 - target / shifted
    if options["full"]:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + torch.where(target > 1, stirling, 0.0)
    return losses, gradient


_RULES: Mapping[str, Rule] = {
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
    "bce": _bce,
    "cross_entropy": _cross_entropy,
    "nll": _nll,
    "poisson": _poisson,
}
