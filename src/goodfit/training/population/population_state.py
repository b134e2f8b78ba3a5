"""Many trainings in one, as they stand: the types that the loop over them changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from goodfit.training.job import Job
from goodfit.training.population.batched_losses import BatchedLoss, Prepared
from goodfit.training.population.batched_optimizers import BatchedOptimizer
from goodfit.training.population.member_rates import MemberRates
from goodfit.training.population.member_vitals import Snapshot
from goodfit.training.population.stacked_average import StackedAverage
from goodfit.training.population.stacked_network import Leaves, StackedNetwork
from goodfit.training.population.stacked_rows import StackedRows
from goodfit.training.state import TrainingState

__all__ = ["Array", "Evaluated", "Penalties", "Population"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Penalties:
    """What happens to gradients before an update; None where no member asks for it.

    Parameters
    ----------
    l1
        Strength of the L1 penalty on weights, (members, 1).
    value, norm
        Largest size of an entry, and largest norm, (members, 1); infinite for members without a limit.
    """

    l1: Tensor | None = None
    value: Tensor | None = None
    norm: Tensor | None = None

    def apply(self, network: StackedNetwork) -> None:
        """Change the gradients in place, as `goodfit.training.loop.adjust_gradients` does."""
        gradient = network.gradient
        if self.l1 is not None:
            columns = slice(0, network.decayed)
            gradient[:, columns].addcmul_(network.weights[:, columns].sign(), self.l1)
        if self.value is not None:
            torch.clamp(gradient, -self.value, self.value, out=gradient)
        if self.norm is not None:
            norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient.mul_((self.norm / (norm + 1e-6)).clamp_(max=1.0))

    def keep(self, index: Tensor) -> Penalties:
        """Return the penalties of the members ``index`` alone."""
        return Penalties(
            *(None if item is None else item[index] for item in (self.l1, self.value, self.norm))
        )


@dataclass(eq=False)
class Evaluated:
    """Rows that every epoch is measured on; what is the same each time is kept."""

    rows: StackedRows
    arranged: Leaves = ()
    prepared: Prepared | None = None
    target: Tensor | None = None


@dataclass(eq=False)
class Population:
    """Many trainings in one; the loop changes it, nothing else does.

    Parameters
    ----------
    jobs, states
        Of every member, the ended ones too.
    active
        The members in the batch, in its order; some of them may have ended.
    snapshots
        What the vitals of small networks are measured on.
    """

    jobs: Sequence[Job]
    states: Sequence[TrainingState]
    network: StackedNetwork
    optimizer: BatchedOptimizer
    loss: BatchedLoss
    penalties: Penalties
    rates: MemberRates
    train: StackedRows
    valid: Evaluated | None
    sample: Evaluated | None
    average: StackedAverage | None
    units: int
    active: list[int] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    running: Array = field(default_factory=lambda: np.zeros(0))

    def recipes(self) -> list[Any]:
        """Return the recipes of the members in the batch."""
        return [self.jobs[member].recipe for member in self.active]

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the members in the batch, and their buffers by name."""
        return {"": self.network.weights, **self.network.buffers}
