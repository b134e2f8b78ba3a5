"""Averages of the weights of many networks: `WeightAverage` for each, in one update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from goodfit.training.population.stacked_network import Kept, StackedNetwork

__all__ = ["StackedAverage"]


class StackedAverage:
    """An average of each member's weights and buffers, kept beside the network.

    Parameters
    ----------
    decays
        Share of the old average that stays, by member; None for equal averages (SWA).
    """

    def __init__(self, network: StackedNetwork, decays: Sequence[float] | None) -> None:
        self.decays = None if decays is None else np.asarray(decays, dtype=np.float64)
        self.updates = np.zeros(len(network.weights), dtype=np.int64)
        self._average = {name: tensor.clone() for name, tensor in _tensors(network).items()}

    def update(self, network: StackedNetwork, members: NDArray[np.bool_] | None = None) -> None:
        """Take in what the members (all, or those of the mask) now hold."""
        if self.decays is None:
            shares = 1 / (self.updates + 1)
        else:
            shares = 1 - np.minimum(self.decays, (1 + self.updates) / (10 + self.updates))
        if members is not None:
            shares = np.where(members, shares, 0.0)
        share = torch.from_numpy(shares.astype(np.float32)).to(network.weights.device)
        for name, tensor in _tensors(network).items():
            average = self._average[name]
            column = share.reshape(-1, *[1] * (tensor.ndim - 1))
            if tensor.is_floating_point():
                average.lerp_(tensor, column.expand_as(tensor))
            else:
                torch.where(column > 0, tensor, average, out=average)
        self.updates += 1 if members is None else members

    @contextmanager
    def applied(self, network: StackedNetwork) -> Iterator[None]:
        """The members that have an average carry it inside the block, and their own weights after it."""
        ready = torch.from_numpy(self.updates > 0).to(network.weights.device)
        own = {name: tensor.clone() for name, tensor in _tensors(network).items()}
        for name, tensor in _tensors(network).items():
            column = ready.reshape(-1, *[1] * (tensor.ndim - 1))
            tensor.copy_(torch.where(column, self._average[name], tensor))
        try:
            yield
        finally:
            for name, tensor in _tensors(network).items():
                tensor.copy_(own[name])

    def keep(self, index: Tensor, kept: Kept) -> None:
        """Go on with the members ``index`` alone, whose tensors ``kept`` returns."""
        places = index.cpu().numpy()
        self.updates = self.updates[places]
        self.decays = None if self.decays is None else self.decays[places]
        self._average = kept(index, self._average)


def _tensors(network: StackedNetwork) -> dict[str, Tensor]:
    return {"": network.weights, **network.buffers}
