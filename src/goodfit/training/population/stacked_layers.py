"""Layers of many networks at once, with their backward passes by hand.

Values are (members, units, rows). With the rows last every product is one batched product whose operands lie
as the BLAS wants them, and the loss runs along contiguous rows: on small networks several times faster than
rows first (``benchmarks/population.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.models import dropout
from goodfit.models.mlp import ONE_HOT_LEVELS, MixedLinear

__all__ = ["Block", "Dropout", "LayerPlan", "StackedLayer", "plan_layer"]

aten = torch.ops.aten
Forward = Callable[[Any, bool], tuple[Tensor, Any]]
"""A layer's input and whether it trains, to its output and what its backward needs."""
Backward = Callable[[Any, Any], Any]
"""The gradient of the output, and what was kept, to that of the input; those of the weights are put away."""
StackedLayer = tuple[Forward, Backward]
Pieces = dict[str, Tensor]
"""Gradients by block, each (members, size)."""


@dataclass(frozen=True)
class Block:
    """Weights of a layer that lie together: their name, and shape for one member."""

    name: str
    shape: tuple[int, ...]
    decayed: bool


@dataclass(frozen=True)
class LayerPlan:
    """What is known of a layer before there are weights: equal plans can be stacked."""

    name: str

    def blocks(self) -> Iterator[Block]:
        """Return the blocks of weights it needs."""
        return iter(())

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return views of its blocks as the module's own parameters, by their full names."""
        return {}

    def buffers(self) -> dict[str, Tensor]:
        """Return its buffers for one member, by their full names."""
        return {}

    def bind(
        self, blocks: Mapping[str, Tensor], buffers: Mapping[str, Tensor], pieces: Pieces, first: bool
    ) -> StackedLayer:
        """Return the layer over stacked weights; its gradients are put into ``pieces``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Linear(LayerPlan):
    """`nn.Linear`."""

    inputs: int
    outputs: int
    bias: bool

    def blocks(self) -> Iterator[Block]:
        yield Block(f"{self.name}.weight", (self.outputs, self.inputs), True)
        if self.bias:
            yield Block(f"{self.name}.bias", (self.outputs, 1), False)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {f"{self.name}.weight": blocks[f"{self.name}.weight"]}
        return found | ({f"{self.name}.bias": blocks[f"{self.name}.bias"].squeeze(-1)} if self.bias else {})

    def bind(
        self, blocks: Mapping[str, Tensor], buffers: Mapping[str, Tensor], pieces: Pieces, first: bool
    ) -> StackedLayer:
        names = f"{self.name}.weight", f"{self.name}.bias"
        weight, bias = blocks[names[0]], blocks[names[1]] if self.bias else None
        transposed = weight.transpose(1, 2)

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Tensor]:
            if bias is None:
                return torch.bmm(weight, value), value
            return torch.baddbmm(bias, weight, value), value

        def backward(gradient: Tensor, value: Tensor) -> Tensor | None:
            pieces[names[0]] = torch.bmm(gradient, value.transpose(1, 2)).flatten(1)
            if bias is not None:
                pieces[names[1]] = gradient.sum(2)
            return None if first else torch.bmm(transposed, gradient)

        return forward, backward


@dataclass(frozen=True)
class OneHotLinear(Linear):
    """`MixedLinear` with few levels: linear over the numbers and the one-hot columns together."""

    numbers: int
    offsets: tuple[int, ...]

    def one_hot(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Return the numbers beside the one-hot columns, (rows, numbers + levels)."""
        levels = numbers.new_zeros(len(numbers), self.inputs - self.numbers)
        levels.scatter_(1, categories + categories.new_tensor(self.offsets), 1.0)
        return torch.cat([numbers, levels], dim=1)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        whole = blocks[f"{self.name}.weight"]
        return {
            f"{self.name}.weight": whole[:, :, : self.numbers],
            f"{self.name}.table": whole[:, :, self.numbers :].transpose(1, 2),
            f"{self.name}.bias": blocks[f"{self.name}.bias"].squeeze(-1),
        }


@dataclass(frozen=True)
class LookupLinear(LayerPlan):
    """`MixedLinear` with many levels: the rows of its table are looked up.

    The table lies first among all weights, whose number is a multiple of its width: all members' weights are
    then one table, and a category's row in it is found by counting.
    """

    numbers: int
    levels: int
    outputs: int
    offsets: tuple[int, ...]

    def blocks(self) -> Iterator[Block]:
        yield Block(f"{self.name}.table", (self.levels, self.outputs), True)
        yield Block(f"{self.name}.weight", (self.outputs, self.numbers), True)
        yield Block(f"{self.name}.bias", (self.outputs, 1), False)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            f"{self.name}.weight": blocks[f"{self.name}.weight"],
            f"{self.name}.table": blocks[f"{self.name}.table"],
            f"{self.name}.bias": blocks[f"{self.name}.bias"].squeeze(-1),
        }

    def bind(
        self, blocks: Mapping[str, Tensor], buffers: Mapping[str, Tensor], pieces: Pieces, first: bool
    ) -> StackedLayer:
        names = [f"{self.name}.{part}" for part in ("table", "weight", "bias")]
        weight, bias = blocks[names[1]], blocks[names[2]]
        members, width, levels = len(weight), self.outputs, self.levels
        per_member = blocks[names[0]].stride(0) // width
        every = blocks[names[0]].as_strided((members * per_member, width), (width, 1))
        member = torch.arange(members, device=weight.device).reshape(-1, 1, 1)

        def forward(value: tuple[Tensor, Tensor], training: bool) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            numbers, rows = value
            places = (rows + member * per_member).flatten(0, 1)
            looked_up = F.embedding_bag(places, every, mode="sum")
            looked_up = looked_up.view(members, -1, width).transpose(1, 2)
            return torch.baddbmm(bias, weight, numbers).add_(looked_up), (numbers, rows)

        def backward(gradient: Tensor, value: tuple[Tensor, Tensor]) -> None:
            numbers, rows = value
            by_row = gradient.transpose(1, 2).reshape(-1, width)
            places = (rows + member * levels).expand(members, -1, -1).flatten(0, 1)
            table = gradient.new_zeros(members * levels, width)
            for column in places.unbind(1):
                table.index_add_(0, column, by_row)
            pieces[names[0]] = table.view(members, -1)
            pieces[names[1]] = torch.bmm(gradient, numbers.transpose(1, 2)).flatten(1)
            pieces[names[2]] = gradient.sum(2)

        return forward, backward


@dataclass(frozen=True)
class Activation(LayerPlan):
    """An activation whose derivative is known; ``slope`` is leaky_relu's, ELU's alpha, GELU's way."""

    kind: str
    slope: Any = None

    def bind(
        self, blocks: Mapping[str, Tensor], buffers: Mapping[str, Tensor], pieces: Pieces, first: bool
    ) -> StackedLayer:
        function, derivative, by_output = _ACTIVATIONS[self.kind](self.slope)

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Tensor]:
            output = function(value)
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

    def bind(
        self, blocks: Mapping[str, Tensor], buffers: Mapping[str, Tensor], pieces: Pieces, first: bool
    ) -> StackedLayer:
        weight, bias = (blocks[f"{self.name}.{part}"] for part in ("weight", "bias"))
        mean, variance = (buffers[f"{self.name}.{part}"] for part in ("running_mean", "running_var"))
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

    units: int
    eps: float

    def blocks(self) -> Iterator[Block]:
        yield Block(f"{self.name}.weight", (self.units, 1), False)
        yield Block(f"{self.name}.bias", (self.units, 1), False)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            f"{self.name}.{part}": blocks[f"{self.name}.{part}"].squeeze(-1) for part in ("weight", "bias")
        }

    def bind(
        self, blocks: Mapping[str, Tensor], buffers: Mapping[str, Tensor], pieces: Pieces, first: bool
    ) -> StackedLayer:
        weight, bias = (blocks[f"{self.name}.{part}"] for part in ("weight", "bias"))

        def forward(value: Tensor, training: bool) -> tuple[Tensor, tuple[Tensor, Tensor]]:
            variance, mean = torch.var_mean(value, 1, correction=0, keepdim=True)
            scale = (variance + self.eps).rsqrt_()
            normal = (value - mean).mul_(scale)
            return torch.addcmul(bias, normal, weight), (normal, scale)

        def backward(gradient: Tensor, kept: tuple[Tensor, Tensor]) -> Tensor:
            normal, scale = kept
            product = gradient * normal
            pieces[f"{self.name}.weight"] = product.sum(2)
            pieces[f"{self.name}.bias"] = gradient.sum(2)
            inner = gradient * weight
            along = torch.mul(product, weight).mean(1, keepdim=True)
            return (inner - inner.mean(1, keepdim=True)).sub_(normal * along).mul_(scale)

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
