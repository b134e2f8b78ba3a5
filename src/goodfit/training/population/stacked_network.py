"""Networks of one kind as one: their weights in a single (members, weights) tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from goodfit.training.parameter_groups import is_decayed, trained_parameters
from goodfit.training.population.chain_plans import chain_plan, weights_of, widest, without_dropout
from goodfit.training.population.layer_plans import Block, LayerPlan, Pieces, Place, StackedLayer
from goodfit.training.population.stacked_layers import Dropout
from goodfit.training.population.stacked_linear import LookupLinear

__all__ = ["ChainNetwork", "Kept", "Leaves", "StackedNetwork", "decayed_ids"]

ALIGNED = 16
"""Weights of a member are a multiple of so many: its numbers then go through the same vector instructions
wherever it lies among the others."""

Leaves = tuple[Tensor, ...]
"""The inputs of a part of the rows, each (rows, ...), or (members or 1, rows, ...) when stacked."""

Kept = Callable[[Tensor, dict[str, Tensor]], dict[str, Tensor]]
"""`StackedNetwork.kept`."""


class StackedNetwork(Protocol):
    """What trains many networks of one kind.

    Attributes
    ----------
    weights, gradient
        Shape (members, weights); the first ``decayed`` columns are those that penalties apply to.
    buffers
        Each (members, ...).
    predictions
        Predictions of a row in training, each with a loss of its own: all rows' first, then all rows' second.
    widest
        Numbers that a row becomes in a layer at most, as far as is known.
    multiplications
        What a row of every member takes on its way forward, about.
    """

    weights: Tensor
    gradient: Tensor
    buffers: dict[str, Tensor]
    decayed: int
    predictions: int
    widest: int
    multiplications: int

    def encode(self, inputs: Any) -> Leaves:
        """Return a member's inputs, as its batches hold them, as tensors of rows."""
        ...

    def arrange(self, leaves: Leaves) -> Leaves:
        """Return the stacked rows of an epoch as `forward` takes them."""
        ...

    def slice(self, arranged: Leaves, first: int, last: int) -> Leaves:
        """Return the rows from ``first`` to before ``last`` of what `arrange` returned."""
        ...

    def forward(self, inputs: Leaves, training: bool) -> Tensor:
        """Return the outputs, (members, units, rows), units 1 where a network has no dimension of units.

        In training there are ``predictions`` rows in place of each.
        """
        ...

    def backward(self, gradient: Tensor) -> None:
        """Put the gradients of the weights where ``gradient`` is that of the last `forward`'s outputs."""
        ...

    def absent(self) -> Tensor | None:
        """Say which weights a member does not have, (members, weights); None where all have all."""
        ...

    def kept(self, index: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors like the weights (``""``) and buffers, by name, as `keep` lays them out."""
        ...

    def keep(self, index: Tensor) -> StackedNetwork:
        """Return the network of the members ``index`` alone, as wide as the widest of them."""
        ...

    def state_of(self, member: int, weights: Tensor, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return one member's parameters and buffers by name, out of tensors like its own."""
        ...


def decayed_ids(model: nn.Module) -> set[int]:
    """Return the ``id`` of the parameters that penalties apply to."""
    return {
        id(parameter)
        for module, parameter in trained_parameters(model).values()
        if is_decayed(module, parameter)
    }


class ChainNetwork:
    """Chains of known layers, trained without autograd; see `StackedNetwork`.

    Parameters
    ----------
    plans
        The chain as it is stacked: every layer as wide as the widest member's.
    members
        The chain of each member, with its own widths.
    weights
        Shape (members, weights); those that a member does not have are 0, and stay so.
    shares
        What each member drops, (members,), by the name of the layer.
    """

    def __init__(
        self,
        plans: tuple[LayerPlan, ...],
        members: Sequence[tuple[LayerPlan, ...]],
        weights: Tensor,
        buffers: dict[str, Tensor],
        shares: dict[str, Tensor],
    ) -> None:
        self.plans, self.members = plans, tuple(members)
        self.weights, self.buffers, self.shares = weights, buffers, shares
        self.predictions = max(plan.predictions for plan in plans)
        self.widest = max(plan.activations for plan in plans)
        self.multiplications = len(weights) * sum(plan.multiplications for plan in plans)
        self._blocks, self.decayed, _ = _layout(plans)
        self._pieces: Pieces = {}
        stacked = self._views(weights)
        named = [{plan.name: plan for plan in own} for own in self.members]
        real: Tensor | None = None
        self._layers: list[StackedLayer] = []
        for number, plan in enumerate(plans):
            if isinstance(plan, Dropout):
                self._layers.append(plan.bind_shares(shares[plan.name]))
                continue
            if "outputs" in plan.sizes:
                real = _real(plan, [own[plan.name] for own in named], weights.device)
            self._layers.append(plan.bind(Place(stacked, buffers, self._pieces, number == 0, real)))
        self._backwards = [backward for _, backward in reversed(self._layers)]
        self._kept: list[Any] = []
        self.gradient = torch.zeros_like(weights)
        self._tail = weights.new_zeros(len(weights), weights.shape[1] - weights_of(plans))

    @classmethod
    def of(cls, models: Sequence[nn.Module]) -> ChainNetwork:
        """Stack networks that `stackable` says the same of."""
        members = [plans for plans in map(chain_plan, models) if plans is not None]
        plans = widest(members)
        device = next(models[0].parameters()).device
        _, _, total = _layout(plans)
        weights = torch.zeros(len(models), total, device=device)
        buffers = {
            name: value.to(device).repeat(len(models), *[1] * value.ndim)
            for plan in plans
            for name, value in plan.buffers().items()
        }
        named = [dict(model.named_modules(remove_duplicate=False)) for model in models]
        shares = {
            plan.name: torch.tensor([getattr(own.get(plan.name), "p", 0.0) for own in named], device=device)
            for plan in plans
            if isinstance(plan, Dropout)
        }
        network = cls(plans, members, weights, buffers, shares)
        with torch.no_grad():
            for member, model in enumerate(models):
                state = {**model.state_dict(), **dict(model.named_buffers())}
                for name, place in network._own(member, weights, buffers).items():
                    place.copy_(state[name])
        return network

    def _views(self, weights: Tensor) -> dict[str, Tensor]:
        return {
            block.name: weights[:, start : start + math.prod(block.shape)].view(len(weights), *block.shape)
            for block, start in self._blocks
        }

    def _own(self, member: int, weights: Tensor, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return views of a member's parameters and buffers, by name and as wide as they are."""
        stacked = self._views(weights[member : member + 1])
        found: dict[str, Tensor] = {}
        for plan in self.members[member]:
            blocks = {block.name: _corner(stacked[block.name], (1, *block.shape)) for block in plan.blocks()}
            found |= {name: view[0] for name, view in plan.parameters(blocks).items()}
            for name, value in plan.buffers().items():
                if name in buffers:
                    found[name] = _corner(buffers[name][member], value.shape)
        return found

    def encode(self, inputs: Any) -> Leaves:
        """Return a member's inputs as tensors of rows."""
        return self.plans[0].encode(inputs)

    def arrange(self, leaves: Leaves) -> Leaves:
        """Return the numbers with rows last; categories stay (members or 1, rows, columns)."""
        return (leaves[0].transpose(1, 2).contiguous(), *leaves[1:])

    def slice(self, arranged: Leaves, first: int, last: int) -> Leaves:
        """Return the rows from ``first`` to before ``last``."""
        return (arranged[0][:, :, first:last], *(leaf[:, first:last] for leaf in arranged[1:]))

    def forward(self, inputs: Leaves, training: bool) -> Tensor:
        """Return the outputs, (members, units, rows)."""
        members = len(self.weights)
        value: Any = inputs[0] if len(inputs[0]) == members else inputs[0].expand(members, -1, -1)
        if len(inputs) > 1:
            value = value, inputs[1]
        self._kept = []
        for forward, _ in self._layers:
            value, kept = forward(value, training)
            if training:
                self._kept.append(kept)
        return value  # type: ignore[no-any-return]

    def backward(self, gradient: Tensor) -> None:
        """Put the gradients of the weights into ``gradient``."""
        for backward, kept in zip(self._backwards, reversed(self._kept), strict=True):
            gradient = backward(gradient, kept)
        pieces = [self._pieces[block.name] for block, _ in self._blocks]
        torch.cat([*pieces, self._tail], dim=1, out=self.gradient)

    def absent(self) -> Tensor | None:
        """Say which weights a member does not have; None where all have all."""
        if all(without_dropout(own) == without_dropout(self.plans) for own in self.members):
            return None
        absent = torch.ones_like(self.weights, dtype=torch.bool)
        for member in range(len(self.members)):
            for view in self._own(member, absent, {}).values():
                view.fill_(False)
        return absent

    def kept(self, index: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors like the weights (``""``) and buffers, by name, as `keep` lays them out."""
        plans = self._plans_of(index)
        chosen = {name: value[index] for name, value in tensors.items()}
        if plans == self.plans:
            return chosen
        shapes = {name: value.shape for plan in plans for name, value in plan.buffers().items()}
        found = {
            name: _corner(value, (len(index), *shapes[name])).clone()
            for name, value in chosen.items()
            if name in shapes
        }
        if "" in chosen:
            blocks, _, total = _layout(plans)
            earlier = self._views(chosen[""])
            weights = chosen[""].new_zeros(len(index), total)
            for block, start in blocks:
                part = _corner(earlier[block.name], (len(index), *block.shape))
                weights[:, start : start + math.prod(block.shape)] = part.flatten(1)
            found[""] = weights
        return found

    def keep(self, index: Tensor) -> ChainNetwork:
        """Return the network of the members ``index`` alone, as wide as the widest of them."""
        plans = self._plans_of(index)
        tensors = self.kept(index, {"": self.weights, **self.buffers})
        weights = tensors.pop("")
        shares = {plan.name: self.shares[plan.name][index] for plan in plans if isinstance(plan, Dropout)}
        members = [self.members[member] for member in index.tolist()]
        return ChainNetwork(plans, members, weights, tensors, shares)

    def _plans_of(self, index: Tensor) -> tuple[LayerPlan, ...]:
        return widest(self.members[member] for member in index.tolist())

    def state_of(self, member: int, weights: Tensor, buffers: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return one member's parameters and buffers by name."""
        return {name: view.clone() for name, view in self._own(member, weights, buffers).items()}


def _corner(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """Return what lies within ``shape`` of a tensor that is at least as large."""
    return tensor[tuple(slice(size) for size in shape)]


def _real(plan: Any, members: Sequence[Any], device: torch.device) -> Tensor | None:
    """Return which units of a layer each member has, (members, units, 1); None where all have all."""
    if all(own.outputs == plan.outputs for own in members):
        return None
    widths = torch.tensor([own.outputs for own in members], device=device)
    units = torch.arange(plan.outputs, device=device)
    return (units < widths.unsqueeze(1)).float().unsqueeze(2)


def _layout(plans: Sequence[LayerPlan]) -> tuple[list[tuple[Block, int]], int, int]:
    """Return each block with where it begins, how many weights are decayed, and how many there are padded."""
    blocks = [block for plan in plans for block in plan.blocks()]
    ordered = [block for block in blocks if block.decayed] + [block for block in blocks if not block.decayed]
    placed, start = [], 0
    for block in ordered:
        placed.append((block, start))
        start += math.prod(block.shape)
    decayed = sum(math.prod(block.shape) for block in blocks if block.decayed)
    width = plans[0].outputs if isinstance(plans[0], LookupLinear) else 1
    unit = math.lcm(ALIGNED, width)
    return placed, decayed, -(-start // unit) * unit
