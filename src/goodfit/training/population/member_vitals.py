"""The vitals of members: of small networks the weights are kept and looked at when somebody asks.

Looking at a network's layers takes longer than an epoch of a small member of a population, and few members
are ever looked at. So at the epochs that are measured the weights, the gradients and the weights before the
last update are put away; `measure_snapshots` does the rest for one member. Networks for which that would take
much memory are measured at once: their epochs take longer than that anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from goodfit.training.job import Job
from goodfit.training.measuring import measure_start, try_rows
from goodfit.training.population.stacked_network import StackedNetwork
from goodfit.training.state import TrainingState
from goodfit.training.vitals import layer_rows
from goodfit.training.weights import copy_weights

__all__ = ["KEPT_WEIGHTS", "Snapshot", "measure_now", "measure_snapshots", "take_snapshot"]

KEPT_WEIGHTS = 2**12
"""Weights of a member up to which they are kept: a hundred epochs are then 1.2 MB."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Every member of the batch at the end of an epoch.

    Parameters
    ----------
    epoch
        Epochs done; 0: before the first update.
    members
        Who lies where.
    weights, gradient, before
        Now, of the last update, and before it; both missing before the first.
    """

    epoch: int
    members: tuple[int, ...]
    network: StackedNetwork
    weights: Tensor
    buffers: Mapping[str, Tensor]
    gradient: Tensor | None = None
    before: Tensor | None = None


def take_snapshot(
    network: StackedNetwork, members: Sequence[int], epoch: int, before: Tensor | None
) -> Snapshot:
    """Return copies of what `measure_snapshots` needs."""
    return Snapshot(
        epoch,
        tuple(members),
        network,
        network.weights.clone(),
        {name: value.clone() for name, value in network.buffers.items()},
        None if before is None else network.gradient.clone(),
        before,
    )


def measure_now(snapshot: Snapshot, member: int, job: Job, state: TrainingState) -> None:
    """Put a member's vitals into its state; its model then has the snapshot's weights and gradients."""
    place, network = snapshot.members.index(member), snapshot.network
    _put(job.model, network.state_of(place, snapshot.weights, dict(snapshot.buffers)))
    if snapshot.gradient is None or snapshot.before is None:
        measure_start(job, state)
        return
    gradients = network.state_of(place, snapshot.gradient, {})
    before = network.state_of(place, snapshot.before, {})
    for name, parameter in job.model.named_parameters():
        parameter.grad = gradients[name]
    earlier = [before[name] for name, _ in job.model.named_parameters()]
    state.vitals += layer_rows(job.model, earlier, partial(try_rows, job), snapshot.epoch)


def measure_snapshots(snapshots: Sequence[Snapshot], member: int, job: Job, state: TrainingState) -> None:
    """Put a member's vitals at every snapshot into its state; its model is left as it was."""
    weights = copy_weights(job.model)
    gradients = {name: parameter.grad for name, parameter in job.model.named_parameters()}
    for snapshot in snapshots:
        if member in snapshot.members:
            measure_now(snapshot, member, job, state)
    _put(job.model, weights)
    for name, parameter in job.model.named_parameters():
        parameter.grad = gradients[name]
    job.model.eval()


def _put(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name in tensors:
                value.copy_(tensors[name])
