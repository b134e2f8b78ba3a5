"""Regularisation by what happens in a step: L1, label noise, mixup, gradient clipping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.training.parameter_groups import is_decayed, trained_parameters

__all__ = [
    "Mixed",
    "add_l1_gradient",
    "clip_gradients",
    "l1_penalty",
    "mixup",
    "noisy_labels",
    "penalized_weights",
]


def penalized_weights(model: nn.Module) -> list[Tensor]:
    """Return the trained weights that penalties apply to: not biases, nor those of normalisation layers."""
    return [
        parameter for module, parameter in trained_parameters(model).values() if is_decayed(module, parameter)
    ]


def l1_penalty(weights: Sequence[Tensor]) -> Tensor:
    """Return the sum of the weights' absolute values, a scalar that can be differentiated."""
    return torch.stack([weight.abs().sum() for weight in weights]).sum()


def add_l1_gradient(weights: Sequence[Tensor], strength: float) -> None:
    """Add to the gradients, in place, those of ``strength`` times `l1_penalty` (0 for weights of 0)."""
    pairs = [(weight.grad, weight.detach()) for weight in weights if weight.grad is not None]
    if pairs:
        gradients, values = zip(*pairs, strict=True)
        torch._foreach_add_(gradients, torch._foreach_sign(values), alpha=strength)


def noisy_labels(
    target: Tensor, share: float, generator: torch.Generator, classes: int | None = None
) -> Tensor:
    """Return ``target`` with a ``share`` of its rows redrawn at random.

    Whole-numbered labels are drawn from all ``classes`` alike (so that one in ``classes`` of the redrawn ones
    stays what it was); other targets, and labels of unknown number of classes, are those of another row.
    """
    rows = len(target)
    redrawn = (torch.rand(rows, generator=generator) < share).to(target.device)
    if classes is not None and not target.is_floating_point():
        drawn = torch.randint(classes, target.shape, generator=generator).to(target.device, target.dtype)
    else:
        drawn = target[torch.randint(rows, (rows,), generator=generator).to(target.device)]
    return torch.where(redrawn.reshape(-1, *[1] * (target.dim() - 1)), drawn, target)


@dataclass(frozen=True, eq=False)
class Mixed:
    """A batch of mixed rows: ``share`` of the row with ``target``, the rest of the one with ``other``."""

    inputs: Any
    target: Any
    other: Any
    share: float


def mixup(inputs: Any, target: Any, alpha: float, generator: torch.Generator) -> Mixed:
    """Mix each row with another of the batch (Zhang et al. 2018, "mixup").

    The loss is ``share * loss(outputs, target) + (1 - share) * loss(outputs, other)``, as in the paper's
    code. Tensors of decimal numbers are mixed; others, such as codes of categories, are those of the row
    with the larger share.

    Parameters
    ----------
    inputs, target
        Tensors, or tuples, lists and dicts of them, with rows first.
    alpha
        Of the Beta(alpha, alpha) that the share is drawn from, once a batch.
    """
    from scipy.special import betaincinv

    uniform = float(torch.rand((), generator=generator, dtype=torch.float64))
    share = float(betaincinv(alpha, alpha, uniform))
    order = torch.randperm(_rows(inputs), generator=generator)

    def mix(item: Tensor) -> Tensor:
        other = item[order.to(item.device)]
        if item.is_floating_point():
            return torch.lerp(other, item, share)
        return item if share >= 0.5 else other

    return Mixed(_map(inputs, mix), target, _map(target, lambda item: item[order.to(item.device)]), share)


def clip_gradients(
    parameters: Iterable[Tensor], *, norm: float | None = None, value: float | None = None
) -> Tensor | None:
    """Clip the gradients in place, by value and then by their common norm; return that norm before clipping.

    Parameters
    ----------
    norm
        Largest norm of all gradients together; None: no limit, and no norm is returned.
    value
        Largest size of each entry.
    """
    moved = [parameter for parameter in parameters if parameter.grad is not None]
    if value is not None:
        nn.utils.clip_grad_value_(moved, value)
    return None if norm is None else nn.utils.clip_grad_norm_(moved, norm)


def _map(item: Any, change: Any) -> Any:
    if isinstance(item, Tensor):
        return change(item)
    if isinstance(item, Mapping):
        return {key: _map(value, change) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return type(item)(_map(value, change) for value in item)
    return item


def _rows(item: Any) -> int:
    while not isinstance(item, Tensor):
        item = next(iter(item.values() if isinstance(item, Mapping) else item))
    return len(item)
