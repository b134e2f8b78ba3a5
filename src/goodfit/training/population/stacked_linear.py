"""Linear layers of many networks at once, over numbers and over categories; see `stacked_layers`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from goodfit.training.population.layer_plans import Block, LayerPlan, Place, StackedLayer

__all__ = ["Linear", "LookupLinear", "OneHotLinear"]


@dataclass(frozen=True)
class Linear(LayerPlan):
    """`nn.Linear`."""

    sizes: ClassVar[tuple[str, ...]] = ("inputs", "outputs")
    inputs: int
    outputs: int
    bias: bool

    @property
    def activations(self) -> int:
        """Numbers that it makes of a row."""
        return self.outputs

    def blocks(self) -> Iterator[Block]:
        """Return the blocks of weights it needs."""
        yield Block(f"{self.name}.weight", (self.outputs, self.inputs), True)
        if self.bias:
            yield Block(f"{self.name}.bias", (self.outputs, 1), False)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return views of its blocks as the module's own parameters, by their full names."""
        found = {f"{self.name}.weight": blocks[f"{self.name}.weight"]}
        return found | ({f"{self.name}.bias": blocks[f"{self.name}.bias"].squeeze(-1)} if self.bias else {})

    def bind(self, place: Place) -> StackedLayer:
        """Return the layer over stacked weights."""
        names = f"{self.name}.weight", f"{self.name}.bias"
        weight, bias = place.blocks[names[0]], place.blocks[names[1]] if self.bias else None
        transposed, pieces = weight.transpose(1, 2), place.pieces

        def forward(value: Tensor, training: bool) -> tuple[Tensor, Tensor]:
            if bias is None:
                return torch.bmm(weight, value), value
            return torch.baddbmm(bias, weight, value), value

        def backward(gradient: Tensor, value: Tensor) -> Tensor | None:
            pieces[names[0]] = torch.bmm(gradient, value.transpose(1, 2)).flatten(1)
            if bias is not None:
                pieces[names[1]] = gradient.sum(2)
            return None if place.first else torch.bmm(transposed, gradient)

        return forward, backward


@dataclass(frozen=True)
class OneHotLinear(Linear):
    """`MixedLinear` with few levels: linear over the numbers and the one-hot columns together."""

    numbers: int
    offsets: tuple[int, ...]

    @property
    def mixed(self) -> bool:
        """Whether its inputs are numbers and categories."""
        return True

    def encode(self, inputs: Any) -> tuple[Tensor, ...]:
        """Return the numbers beside the one-hot columns, (rows, numbers + levels)."""
        numbers, categories = inputs
        levels = numbers.new_zeros(len(numbers), self.inputs - self.numbers)
        levels.scatter_(1, categories + categories.new_tensor(self.offsets), 1.0)
        return (torch.cat([numbers, levels], dim=1),)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return views of its blocks as the module's own parameters, by their full names."""
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

    sizes: ClassVar[tuple[str, ...]] = ("outputs",)
    numbers: int
    levels: int
    outputs: int
    offsets: tuple[int, ...]

    @property
    def activations(self) -> int:
        """Numbers that it makes of a row."""
        return self.outputs

    @property
    def multiplications(self) -> int:
        """Multiplications of its forward pass for a row; what is looked up takes an addition each."""
        return (self.numbers + len(self.offsets)) * self.outputs

    @property
    def mixed(self) -> bool:
        """Whether its inputs are numbers and categories."""
        return True

    def encode(self, inputs: Any) -> tuple[Tensor, ...]:
        """Return the numbers, and the categories' rows in the table."""
        numbers, categories = inputs
        return numbers, categories + categories.new_tensor(self.offsets)

    def blocks(self) -> Iterator[Block]:
        """Return the blocks of weights it needs."""
        yield Block(f"{self.name}.table", (self.levels, self.outputs), True)
        yield Block(f"{self.name}.weight", (self.outputs, self.numbers), True)
        yield Block(f"{self.name}.bias", (self.outputs, 1), False)

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return views of its blocks as the module's own parameters, by their full names."""
        return {
            f"{self.name}.weight": blocks[f"{self.name}.weight"],
            f"{self.name}.table": blocks[f"{self.name}.table"],
            f"{self.name}.bias": blocks[f"{self.name}.bias"].squeeze(-1),
        }

    def bind(self, place: Place) -> StackedLayer:
        """Return the layer over stacked weights."""
        names = [f"{self.name}.{part}" for part in ("table", "weight", "bias")]
        table, weight, bias = (place.blocks[name] for name in names)
        pieces = place.pieces
        members, width, levels = len(weight), self.outputs, self.levels
        per_member = table.stride(0) // width
        every = table.as_strided((members * per_member, width), (width, 1))
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
            found = gradient.new_zeros(members * levels, width)
            for column in places.unbind(1):
                found.index_add_(0, column, by_row)
            pieces[names[0]] = found.view(members, -1)
            pieces[names[1]] = torch.bmm(gradient, numbers.transpose(1, 2)).flatten(1)
            pieces[names[2]] = gradient.sum(2)

        return forward, backward
