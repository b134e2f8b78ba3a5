"""The same update without autograd, for chains of linear layers and activations.

On small networks an update costs less arithmetic than bookkeeping: building autograd's graph, walking it,
and the optimizer's checks. For layers whose derivatives are known, this calls the very kernels
that autograd would call, in its order and on the same numbers, so the weights come out bit for bit the same
(``tests/training/test_direct.py``), for a small chain in about a third of the time
(``benchmarks/speed.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.models.mlp import MLP
from goodfit.models.tabm import TabM
from goodfit.training.direct_layers import Layer, direct_layer
from goodfit.training.direct_tabm import tabm_layers
from goodfit.training.known_networks import is_plain
from goodfit.training.losses import Loss
from goodfit.training.members import is_of_members, repeated

__all__ = ["DirectGradients", "direct_gradients", "known_layers"]

aten = torch.ops.aten
LossRule = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Outputs and target to the loss and the gradient of the outputs."""


DirectGradients = Callable[[Any, Tensor], Tensor]
"""Inputs and target to the loss; the gradients are then in the parameters."""


def direct_gradients(model: nn.Module, loss: Loss, inputs: Any, target: Tensor) -> DirectGradients | None:
    """Return what puts a batch's gradients into the parameters' ``grad`` and returns the loss.

    None where some layer, its hooks or the loss are not known here; autograd then serves. The gradients are
    written over each time, so `zero_grad` is not needed in between.

    Parameters
    ----------
    inputs, target
        Rows as the network and the loss get them: a matrix, or numbers and categories; labels or values.
    """
    numbers = inputs[0] if isinstance(inputs, tuple) else inputs
    plain = isinstance(numbers, Tensor) and numbers.ndim == 2 and numbers.dtype == torch.float32
    on_cpu = all(weight.device.type == "cpu" for weight in model.parameters())
    labels = target.dtype == torch.int64 and target.ndim == 1
    fits = target.dtype == torch.float32 if loss.name == "mse" else labels
    return known_layers(model, loss) if plain and on_cpu and fits else None


def known_layers(model: nn.Module, loss: Loss) -> DirectGradients | None:
    """Return `direct_gradients` whatever the batches; None where a layer or the loss is not known."""
    rule = _loss_rule(loss)
    if rule is None or not is_plain(model):
        return None
    layers = tabm_layers(model) if type(model) is TabM else _chain(model)
    return None if layers is None else partial(_gradients, layers, layers[::-1], rule)


def _chain(model: nn.Module) -> list[Layer] | None:
    if not isinstance(model, nn.Sequential) or type(model) not in (nn.Sequential, MLP):
        return None
    layers: list[Layer] = []
    for place, module in enumerate(model):
        made = direct_layer(module, first=place == 0)
        if made is None:
            return None
        layers += made
    return layers


def _gradients(
    layers: list[Layer], backwards: list[Layer], rule: LossRule, inputs: Any, target: Tensor
) -> Tensor:
    kept = []
    value = inputs
    for forward, _ in layers:
        value, saved = forward(value)
        kept.append(saved)
    loss, gradient = rule(value, target)
    for (_, backward), saved in zip(backwards, reversed(kept), strict=True):
        gradient = backward(gradient, saved)
    return loss


def _loss_rule(loss: Loss) -> LossRule | None:
    if loss.reduction != "mean":
        return None
    objective: Any = loss.objective
    options: dict[str, Any] = {}
    if is_of_members(loss):
        inner = _loss_rule(replace(loss, objective=objective.args[0]))
        return None if inner is None else partial(_members, inner)
    if isinstance(objective, partial) and not objective.args:
        objective, options = objective.func, objective.keywords
    if objective is F.mse_loss and not options:
        return _mse
    if objective is F.cross_entropy and options.keys() <= {"weight", "ignore_index"}:
        return partial(_cross_entropy, options.get("weight"), options.get("ignore_index", -100))
    return None


def _members(rule: LossRule, outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    loss, gradient = rule(outputs.flatten(0, 1), repeated(target, outputs.shape[1]))
    return loss, gradient.view_as(outputs)


_ONE = torch.ones(())


def _mse(outputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return F.mse_loss(outputs, target), aten.mse_loss_backward(_ONE, outputs, target, 1)


def _cross_entropy(
    weight: Tensor | None, ignored: int, outputs: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    logs = torch.log_softmax(outputs, 1)
    loss, total = aten.nll_loss_forward(logs, target, weight, 1, ignored)
    gradient = aten.nll_loss_backward(_ONE, logs, target, weight, 1, ignored, total)
    return loss, aten._log_softmax_backward_data(gradient, logs, 1, torch.float32)
