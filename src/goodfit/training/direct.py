"""The same update without autograd, for chains of linear layers and activations.

On small networks an update costs less arithmetic than bookkeeping: building autograd's graph, walking it,
and the optimizer's checks. For a chain of layers whose derivatives are known, this calls the very kernels
that autograd would call, in its order and on the same numbers, so the weights come out bit for bit the same
(``tests/training/test_direct.py``), in about a third of the time (``benchmarks/speed.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.models.dropout import Dropout, dropout_mask
from goodfit.models.mlp import MLP, ONE_HOT_LEVELS, MixedLinear
from goodfit.training.losses import Loss

__all__ = ["DirectGradients", "direct_gradients", "known_layers"]

aten = torch.ops.aten
Forward = Callable[[Any], tuple[Tensor, Any]]
"""A layer's input to its output, and what its backward needs."""
Backward = Callable[[Any, Any], Any]
"""The gradient of a layer's output, and what its forward kept, to its input's (None for the first layer)."""
Layer = tuple[Forward, Backward]
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
    if rule is None or not isinstance(model, nn.Sequential) or type(model) not in (nn.Sequential, MLP):
        return None
    if _watched(model):
        return None
    layers: list[Layer] = []
    for place, module in enumerate(model):
        made = _layer(module, first=place == 0)
        if made is None or _watched(module):
            return None
        layers += made
    if any(not weight.requires_grad or weight.dtype != torch.float32 for weight in model.parameters()):
        return None
    weights = [id(weight) for _, weight in model.named_parameters(remove_duplicate=False)]
    tied = len(set(weights)) != len(weights)
    return None if tied else partial(_gradients, tuple(layers), tuple(reversed(layers)), rule)


def _gradients(
    layers: tuple[Layer, ...], backwards: tuple[Layer, ...], rule: LossRule, inputs: Any, target: Tensor
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


def _layer(module: nn.Module, *, first: bool) -> list[Layer] | None:
    if type(module) is nn.Linear and module.bias is not None:
        return [_linear(module, first)]
    if type(module) is MixedLinear and first and len(module.table) <= ONE_HOT_LEVELS:
        return [_mixed(module)]
    if type(module) is Dropout and module.p < 1:
        return [_dropout(module.p, dropout_mask)] if module.p > 0 else []
    if type(module) is nn.Dropout and not module.inplace and module.p < 1:
        return [_dropout(module.p, _torch_mask)] if module.p > 0 else []
    if type(module) is nn.Identity:
        return []
    rule = _ACTIVATIONS.get(type(module))
    return None if rule is None or getattr(module, "inplace", False) else rule(module)


def _linear(module: nn.Linear, first: bool) -> Layer:
    weight, bias = module.weight.detach(), module.bias.detach()
    transposed = weight.t()
    weight_gradient, bias_gradient = _own_gradients(module.weight, module.bias)

    def forward(value: Tensor) -> tuple[Tensor, Tensor]:
        return torch.addmm(bias, value, transposed), value

    def backward(gradient: Tensor, value: Tensor) -> Tensor | None:
        torch.sum(gradient, 0, out=bias_gradient)
        torch.mm(gradient.t(), value, out=weight_gradient)
        return None if first else torch.mm(gradient, weight)

    return forward, backward


def _mixed(module: MixedLinear) -> Layer:
    weight, table, bias = module.weight.detach(), module.table.detach(), module.bias.detach()
    offsets, transposed, levels = module.offsets, module.weight.detach().t(), len(module.table)
    weight_gradient, table_gradient, bias_gradient = _own_gradients(module.weight, module.table, module.bias)

    def forward(value: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        numbers, categories = value
        one_hot = weight.new_zeros(len(categories), levels).scatter_(1, categories + offsets, 1.0)
        return torch.addmm(torch.addmm(bias, numbers, transposed), one_hot, table), (numbers, one_hot)

    def backward(gradient: Tensor, saved: tuple[Tensor, Tensor]) -> None:
        numbers, one_hot = saved
        torch.mm(one_hot.t(), gradient, out=table_gradient)
        torch.sum(gradient, 0, out=bias_gradient)
        torch.mm(gradient.t(), numbers, out=weight_gradient)

    return forward, backward


def _own_gradients(*parameters: Tensor) -> list[Tensor]:
    gradients = [torch.zeros_like(parameter) for parameter in parameters]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    return gradients


def _dropout(share: float, mask: Callable[[Tensor, float], Tensor]) -> Layer:
    def forward(value: Tensor) -> tuple[Tensor, Tensor]:
        kept = mask(value, share)
        return value * kept, kept

    return forward, torch.mul


def _torch_mask(value: Tensor, share: float) -> Tensor:
    return torch.empty_like(value).bernoulli_(1 - share).div_(1 - share)


def _from_output(
    function: Callable[[Tensor], Tensor], derivative: Callable[[Tensor, Tensor], Tensor]
) -> Layer:
    def forward(value: Tensor) -> tuple[Tensor, Tensor]:
        output = function(value)
        return output, output

    return forward, derivative


def _from_input(
    function: Callable[[Tensor], Tensor], derivative: Callable[[Tensor, Tensor], Tensor]
) -> Layer:
    return lambda value: (function(value), value), derivative


_ACTIVATIONS: dict[type[nn.Module], Callable[[Any], list[Layer]]] = {
    nn.ReLU: lambda _: [_from_output(torch.relu, lambda g, y: aten.threshold_backward(g, y, 0))],
    nn.Tanh: lambda _: [_from_output(torch.tanh, aten.tanh_backward)],
    nn.Sigmoid: lambda _: [_from_output(torch.sigmoid, aten.sigmoid_backward)],
    nn.SiLU: lambda _: [_from_input(F.silu, aten.silu_backward)],
    nn.GELU: lambda m: [
        _from_input(
            partial(F.gelu, approximate=m.approximate), partial(aten.gelu_backward, approximate=m.approximate)
        )
    ],
    nn.LeakyReLU: lambda m: [
        _from_input(
            partial(F.leaky_relu, negative_slope=m.negative_slope),
            lambda g, x: aten.leaky_relu_backward(g, x, m.negative_slope, False),
        )
    ],
}


def _loss_rule(loss: Loss) -> LossRule | None:
    if loss.reduction != "mean":
        return None
    objective: Any = loss.objective
    options: dict[str, Any] = {}
    if isinstance(objective, partial) and not objective.args:
        objective, options = objective.func, objective.keywords
    if objective is F.mse_loss and not options:
        return _mse
    if objective is F.cross_entropy and options.keys() <= {"weight", "ignore_index"}:
        return partial(_cross_entropy, options.get("weight"), options.get("ignore_index", -100))
    return None


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


def _watched(module: nn.Module) -> bool:
    """Say whether somebody hooked into the module, which only a real call serves."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name) for name in hooks) or "forward" in vars(module)
