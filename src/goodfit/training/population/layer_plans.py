"""What a layer of many networks at once is: its plan, its place among the stacked weights, its two passes.

Members may be of other widths: each layer is as wide as the widest member's, and the weights that a member
does not have are 0. They stay so by themselves: a unit that nothing enters is 0, nothing leaves it, so no
gradient reaches it. Where that does not follow, in activations that are not 0 at 0 and in means over units,
the layer masks what is not ``real``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

__all__ = ["Block", "LayerPlan", "Pieces", "Place", "StackedLayer"]

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


@dataclass(frozen=True, eq=False)
class Place:
    """Where a layer lies among the stacked weights.

    Parameters
    ----------
    blocks, buffers
        Those of all layers, (members, ...).
    pieces
        Takes in the gradients of the layer's blocks.
    first
        Whether it is the first layer, whose inputs need no gradient.
    real
        Which of the units that leave it each member has, 1 or 0, (members, units, 1); None: all have all.
    """

    blocks: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    pieces: Pieces
    first: bool = False
    real: Tensor | None = None


@dataclass(frozen=True)
class LayerPlan:
    """What is known of a layer before there are weights: plans that are equal but for widths can be stacked.

    ``sizes`` names the fields that are widths.
    """

    sizes: ClassVar[tuple[str, ...]] = ()
    name: str

    @property
    def activations(self) -> int:
        """Numbers that it makes of a row, where these are many."""
        return 0

    @property
    def multiplications(self) -> int:
        """Multiplications of its forward pass for a row."""
        return sum(math.prod(block.shape) for block in self.blocks())

    @property
    def mixed(self) -> bool:
        """Whether its inputs are numbers and categories, as a first layer's may be."""
        return False

    @property
    def predictions(self) -> int:
        """Predictions of a row that leave it in training."""
        return 1

    def encode(self, inputs: Any) -> tuple[Tensor, ...]:
        """Return the inputs of a batch, as the first layer takes them, as tensors of rows."""
        return (inputs,)

    def blocks(self) -> Iterator[Block]:
        """Return the blocks of weights it needs."""
        return iter(())

    def parameters(self, blocks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return views of its blocks as the module's own parameters, by their full names."""
        return {}

    def buffers(self) -> dict[str, Tensor]:
        """Return its buffers for one member, by their full names."""
        return {}

    def bind(self, place: Place) -> StackedLayer:
        """Return the layer over stacked weights."""
        raise NotImplementedError
