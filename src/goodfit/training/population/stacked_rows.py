"""The rows of many members: those that several share lie in memory once, and each has an order of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from goodfit.data.batches import TensorBatches, batch_sizes, epoch_order, first_tensor
from goodfit.training.population.stacked_network import Leaves

__all__ = ["StackedRows", "stack_rows"]

GATHERED = 2**22
"""Elements that are put in order at once."""


@dataclass(frozen=True, eq=False)
class StackedRows:
    """Rows of inputs and targets for each member.

    Parameters
    ----------
    leaves
        Each (parts, rows, ...), a part being what several members share.
    target
        (parts, rows) or (parts, rows, targets).
    part
        Which part each member has.
    seeds
        What decides each member's order; None keeps the rows in place.
    sizes
        Rows of each batch.
    """

    leaves: Leaves
    target: Tensor
    part: tuple[int, ...]
    seeds: tuple[int | None, ...]
    sizes: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of each member."""
        return self.target.shape[1]

    def keep(self, index: Sequence[int]) -> StackedRows:
        """Return the rows of the members ``index`` alone."""
        return replace(
            self, part=tuple(self.part[i] for i in index), seeds=tuple(self.seeds[i] for i in index)
        )

    def epoch(self, epoch: int) -> Iterator[tuple[Leaves, Tensor, list[tuple[int, int]]]]:
        """Deliver stacked rows in the order of ``epoch``, many batches at once.

        Yields
        ------
        leaves, target
            (members, rows, ...), or (1, rows, ...) where all members have the same rows in the same order.
        batches
            Where each batch begins and ends in them.
        """
        streams = list(dict.fromkeys(zip(self.part, self.seeds, strict=True)))
        of_member = [streams.index(stream) for stream in zip(self.part, self.seeds, strict=True)]
        copies = 1 if len(streams) == 1 else len(of_member)
        device = self.target.device
        places = torch.stack([self._order(*stream, epoch) for stream in streams]).to(device)
        if copies > 1 and of_member != list(range(len(streams))):
            places = places[torch.tensor(of_member, device=device)]
        width = sum(max(1, leaf[0, 0].numel()) for leaf in self.leaves) * copies
        together = max(1, GATHERED // max(1, width * max(self.sizes)))
        begin = 0
        for number in range(0, len(self.sizes), together):
            lengths = self.sizes[number : number + together]
            end = begin + sum(lengths)
            index = places[:, begin:end].reshape(-1)
            taken = [_gather(leaf, index, copies) for leaf in (*self.leaves, self.target)]
            edges = pairwise(accumulate(lengths, initial=0))
            yield tuple(taken[:-1]), taken[-1], list(edges)
            begin = end

    def _order(self, part: int, seed: int | None, epoch: int) -> Tensor:
        order = torch.arange(self.rows) if seed is None else epoch_order(self.rows, seed, epoch)
        return order + part * self.rows


def _gather(leaf: Tensor, index: Tensor, copies: int) -> Tensor:
    taken = leaf.flatten(0, 1).index_select(0, index)
    return taken.view(copies, len(index) // copies, *leaf.shape[2:])


def stack_rows(
    members: Sequence[TensorBatches], encode: Callable[[Any], Leaves], device: torch.device
) -> StackedRows:
    """Return the rows of members whose numbers of rows agree; equal tensors are taken once."""
    keys = [(id(first_tensor(batches.inputs)), id(batches.target)) for batches in members]
    distinct = list(dict.fromkeys(keys))
    parts = [members[keys.index(key)] for key in distinct]
    encoded = [encode(batches.inputs) for batches in parts]
    first = members[0]
    leaves = tuple(_stacked([item[place] for item in encoded], device) for place in range(len(encoded[0])))
    targets = [batches.target for batches in parts]
    assert all(target is not None for target in targets)
    return StackedRows(
        leaves,
        _stacked([target for target in targets if target is not None], device),
        tuple(distinct.index(key) for key in keys),
        tuple(batches.seed for batches in members),
        tuple(batch_sizes(first.rows, first.batch_size, first.join_single)),
    )


def _stacked(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    if len(tensors) == 1:
        return tensors[0].unsqueeze(0).to(device)
    return torch.stack([tensor.to(device) for tensor in tensors])
