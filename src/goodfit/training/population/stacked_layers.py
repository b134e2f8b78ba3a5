"""Layers of many networks at once, with their backward passes by hand.

Values are (members, units, rows). With the rows last every product is one batched product whose operands lie
as the BLAS wants them, and the loss runs along contiguous rows: on small networks several times faster than
rows first (``benchmarks/population.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.models import dropout
from goodfit.models.mlp import ONE_HOT_LEVELS, MixedLinear
from goodfit.training.population.layer_plans import Block, LayerPlan, Place, StackedLayer
from goodfit.training.population.stacked_linear import Linear, LookupLinear, OneHotLinear

__all__ = ["Dropout", "plan_layer"]

aten = torch.ops.aten


@dataclass(frozen=True)
class Activation(LayerPlan):
    """An activation whose derivative is known; ``slope`` is leaky_relu's, ELU's alpha, GELU's way."""

    kind: str
    slope: Any = None

    def bind(self, place: Place) -> StackedLayer:
        function, derivative, by_output = _ACTIVATIONS[self.kind](self.slope)

        at_zero = float(function(torch.zeros(())))
        real = None if at_zero == 0.0 else place.real

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Tensor]:
            output = function(value)
            if real is not None:
                output = output * real
            return output, output if by_output else value

        return forward, derivative


_ACTIVATIONS: Mapping[str, Callable[[Any], tuple[Callable[[Any], Tensor], Any, bool]]] = {
    "ReLU": lambda _: (torch.relu, lambda g, y: aten.threshold_backward(g, y, 0), True),
    "Tanh": lambda _: (torch.tanh, aten.tanh_backward, True),
    "Sigmoid": lambda _: (torch.sigmoid, aten.sigmoid_backward, True),
    "SiLU": lambda _: (F.silu, aten.silu_backward, False),
    "GELU": lambda way: (
        lambda x: F.gelu(x, approximate=way),
        lambda g, x: aten.gelu_backward(g, x, approximate=way),
        False,
    ),
    "LeakyReLU": lambda slope: (
        lambda x: F.leaky_relu(x, slope),
        lambda g, x: aten.leaky_relu_backward(g, x, slope, False),
        False,
    ),
    "ELU": lambda alpha: (
        lambda x: F.elu(x, alpha),
        lambda g, x: aten.elu_backward(g, alpha, 1.0, 1.0, False, x),
        False,
    ),
}


@dataclass(frozen=True)
class Dropout(LayerPlan):
    """Dropout, torch's or our own; each member has a share of its own, given to `bind_shares`."""

    def bind_shares(self, shares: Tensor) -> StackedLayer:
        """Return the layer that drops ``shares`` (members,) of the units in training."""
        same = float(shares[0]) if bool((shares == shares[0]).all()) else None
        kept_share = (1 - shares).reshape(-1, 1, 1)

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Tensor | None]:
            if not training or same == 0.0:
                return value, None
            if same is not None:
                kept = dropout.dropout_mask(value, same)
            else:
                kept = torch.rand_like(value).lt(kept_share).to(value.dtype).div_(kept_share)
            return value * kept, kept

        def backward(gradient: Tensor, kept: Tensor | None) -> Tensor:
            return gradient if kept is None else gradient * kept

        return forward, backward


@dataclass(frozen=True)
class BatchNorm(LayerPlan):
    """`nn.BatchNorm1d` over units: members' units are so many channels of one normalisation."""

    sizes: ClassVar[tuple[str, ...]] = ("units",)
    units: int
    eps: float
    momentum: float

    def blocks(self) -> Iterator[Block]:
        yield Block(f"{self.name}.weight", (self.units,), False)
        yield Block(f"{self.name}.bias", (self.units,), False)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {f"{self.name}.{part}": blocks[f"{self.name}.{part}"] for part in ("weight", "bias")}

    def buffers(self) -> dict[str, Tensor]:
        return {
            f"{self.name}.running_mean": torch.zeros(self.units),
            f"{self.name}.running_var": torch.ones(self.units),
        }

    def bind(self, place: Place) -> StackedLayer:
        weight, bias = (place.blocks[f"{self.name}.{part}"] for part in ("weight", "bias"))
        pieces = place.pieces
        mean, variance = (place.buffers[f"{self.name}.{part}"] for part in ("running_mean", "running_var"))
        mean, variance = mean.view(-1), variance.view(-1)

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Any]:
            flat = value.reshape(1, -1, value.shape[2])
            scale = weight.reshape(-1)
            output, *saved = aten.native_batch_norm(
                flat, scale, bias.reshape(-1), mean, variance, training, self.momentum, self.eps
            )
            return output.view_as(value), (flat, scale, saved, training)

        def backward(gradient: Tensor, kept: Any) -> Tensor:
            flat, scale, saved, training = kept
            found = aten.native_batch_norm_backward(
                gradient.reshape_as(flat), flat, scale, mean, variance, *saved, training, self.eps, [True] * 3
            )
            pieces[f"{self.name}.weight"] = found[1].view(-1, self.units)
            pieces[f"{self.name}.bias"] = found[2].view(-1, self.units)
            return found[0].view_as(gradient)  # type: ignore[no-any-return]

        return forward, backward


@dataclass(frozen=True)
class LayerNorm(LayerPlan):
    """`nn.LayerNorm` over units."""

    sizes: ClassVar[tuple[str, ...]] = ("units",)
    units: int
    eps: float

    def blocks(self) -> Iterator[Block]:
        yield Block(f"{self.name}.weight", (self.units, 1), False)
        yield Block(f"{self.name}.bias", (self.units, 1), False)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            f"{self.name}.{part}": blocks[f"{self.name}.{part}"].squeeze(-1) for part in ("weight", "bias")
        }

    def bind(self, place: Place) -> StackedLayer:
        weight, bias = (place.blocks[f"{self.name}.{part}"] for part in ("weight", "bias"))
        pieces, real = place.pieces, place.real
        units = self.units if real is None else real.sum(1, keepdim=True)

        def forward(value: Tensor, training: bool) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            gap = value - value.sum(1, keepdim=True) / units  # var_mean is several times slower
            gap = gap if real is None else gap.mul_(real)
            variance = gap.square().sum(1, keepdim=True) / units
            scale = (variance + self.eps).rsqrt_()
            normal = gap.mul_(scale)
            return torch.addcmul(bias, normal, weight), (normal, scale)

        def backward(gradient: Tensor, kept: tuple[Tensor, Tensor]) -> Tensor:
            normal, scale = kept
            product = gradient * normal
            pieces[f"{self.name}.weight"] = product.sum(2)
            pieces[f"{self.name}.bias"] = gradient.sum(2)
            inner = gradient * weight
            along = torch.mul(product, weight).sum(1, keepdim=True) / units
            back = (inner - inner.sum(1, keepdim=True) / units).sub_(normal * along).mul_(scale)
            return back if real is None else back.mul_(real)

        return forward, backward


def plan_layer(name: str, module: nn.Module, *, first: bool) -> LayerPlan | None:
    """Return the plan of a layer, None where it is not known here."""
    kind = type(module)
    if isinstance(module, nn.Linear) and kind is nn.Linear:
        return Linear(name, module.in_features, module.out_features, module.bias is not None)
    if isinstance(module, MixedLinear) and kind is MixedLinear and first:
        width, numbers, levels = len(module.bias), module.weight.shape[1], len(module.table)
        offsets = tuple(module.offsets.tolist())
        if levels <= ONE_HOT_LEVELS:
            return OneHotLinear(name, numbers + levels, width, True, numbers, offsets)
        return LookupLinear(name, numbers, levels, width, offsets)
    if isinstance(module, nn.Dropout) and kind in (nn.Dropout, dropout.Dropout) and module.p < 1:
        return Dropout(name)
    if kind.__name__ in _ACTIVATIONS and kind is getattr(nn, kind.__name__):
        slope = next(
            (
                getattr(module, key)
                for key in ("negative_slope", "alpha", "approximate")
                if hasattr(module, key)
            ),
            None,
        )
        return Activation(name, kind.__name__, slope)
    if isinstance(module, nn.BatchNorm1d) and kind is nn.BatchNorm1d:
        whole = module.affine and module.track_running_stats and module.momentum is not None
        return BatchNorm(name, module.num_features, module.eps, module.momentum or 0.0) if whole else None
    if isinstance(module, nn.LayerNorm) and kind is nn.LayerNorm:
        plain = len(module.normalized_shape) == 1 and module.elementwise_affine and module.bias is not None
        return LayerNorm(name, module.normalized_shape[0], module.eps) if plain else None
    return None
