"""Layers of a network with their backward passes by hand; they are those of autograd, kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.models.dropout import Dropout, dropout_mask
from goodfit.models.mlp import ONE_HOT_LEVELS, MixedLinear

__all__ = ["Layer", "direct_layer", "own_gradients"]

aten = torch.ops.aten
Forward = Callable[[Any], tuple[Tensor, Any]]
"""A layer's input to its output, and what its backward needs."""
Backward = Callable[[Any, Any], Any]
"""The gradient of a layer's output, and what its forward kept, to its input's (None for the first layer)."""
Layer = tuple[Forward, Backward]


def direct_layer(module: nn.Module, *, first: bool) -> list[Layer] | None:
    """Return what a module is in a chain, none for nothing; None where it is not known here."""
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
    weight_gradient, bias_gradient = own_gradients(module.weight, module.bias)

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
    weight_gradient, table_gradient, bias_gradient = own_gradients(module.weight, module.table, module.bias)

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


def own_gradients(*parameters: Tensor) -> list[Tensor]:
    """Give the parameters gradients to be written over at each update, and return these."""
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
