"""How many networks, and of which widths, train as one: by the processor's cache and an update's overhead."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from goodfit.training.population.chain_plans import chain_plan, weights_of, widest, without_dropout
from goodfit.training.population.layer_plans import LayerPlan

__all__ = ["group_size", "groups_by_width", "useful_size"]

CACHE = 2**21
"""Numbers that the weights, their gradients and optimizer state, and a batch's activations of all members may
take, so that an update stays in the processor's cache (``benchmarks/population.py``)."""

FEWEST = 3
"""Members that the cache must hold: networks so large that it holds fewer are as fast one by one."""
DATA = 2**27
"""Numbers that the rows of all members may take where their divisions of the data differ: half a gigabyte."""
MULTIPLICATIONS = 4e6
"""Multiplications of an update from which on more members hardly make it cheaper for each."""
OVERHEAD = 2e5
"""Multiplications that take about as long as what a layer costs in an update whatever its size
(``benchmarks/population.py masks``)."""
PASSES = 10
"""Times that an update goes through all weights: their gradients and the optimizer's state."""


def group_size(model: nn.Module, batch_size: int, numbers: int = 0) -> int:
    """Return how many members train as one: as many as the cache holds, and 1 where that is not worth it.

    Parameters
    ----------
    batch_size
        Rows of a batch.
    numbers
        Numbers in the rows that each member has for itself, 0 where all have the same rows.
    """
    plans = chain_plan(model)
    if plans is not None:
        return _held(plans, batch_size, numbers)
    weights = sum(parameter.numel() for parameter in model.parameters())
    units = sum(parameter.shape[0] for parameter in model.parameters() if parameter.ndim >= 2)
    return _size(weights, units, batch_size, numbers)


def _held(plans: Sequence[LayerPlan], batch_size: int, numbers: int) -> int:
    return _size(weights_of(plans), sum(plan.activations for plan in plans), batch_size, numbers)


def _size(weights: int, activations: int, batch_size: int, numbers: int) -> int:
    size = min(CACHE // (5 * weights + 3 * activations * batch_size), DATA // max(1, numbers))
    return size if size >= FEWEST else 1


def _work(plans: Sequence[LayerPlan], batch_size: int) -> int:
    """Return the multiplications of an update, whose backward pass takes two of the forward one."""
    return 3 * batch_size * sum(plan.multiplications for plan in plans)


def groups_by_width(
    chains: Sequence[Sequence[LayerPlan]], batch_size: int, numbers: int = 0
) -> list[tuple[list[int], int]]:
    """Return which chains train as one, though the narrow ones then multiply zeros, and how many at a time.

    Each width is a group, and joins that of wider ones where this makes updates fewer by more than the zeros
    cost: the group that it costs least in.

    Parameters
    ----------
    chains
        Of the members, the same but for widths (`stackable`).
    batch_size, numbers
        See `group_size`.

    Returns
    -------
    list
        Places in ``chains``, and the size of their groups.
    """

    def whole(places: Sequence[int]) -> tuple[float, int]:
        """Return what an update of all costs, in multiplications, and how many train at a time."""
        plans = widest(chains[place] for place in places)
        size = _held(plans, batch_size, numbers)
        updates = -(-len(places) // size)
        each = _work(plans, batch_size) + PASSES * weights_of(plans)
        return updates * len(plans) * OVERHEAD + len(places) * each, size

    alike: dict[tuple[LayerPlan, ...], list[int]] = {}
    for place, chain in enumerate(chains):
        alike.setdefault(without_dropout(chain), []).append(place)
    groups: list[list[int]] = []
    for places in sorted(alike.values(), key=lambda places: -weights_of(chains[places[0]])):
        more = [whole([*group, *places])[0] - whole(group)[0] for group in groups]
        if more and min(more) < whole(places)[0]:
            groups[more.index(min(more))] += places
        else:
            groups.append(places)
    return [(places, whole(places)[1]) for places in groups]


def useful_size(model: nn.Module, batch_size: int) -> int:
    """Return how many members it takes until more of them hardly make an update cheaper for each.

    What is saved is the overhead of an update, which matters as long as it does little arithmetic
    (``benchmarks/population.py sizes``).
    """
    plans = chain_plan(model)
    weights = sum(parameter.numel() for parameter in model.parameters())
    work = 3 * batch_size * weights if plans is None else _work(plans, batch_size)
    return max(1, int(MULTIPLICATIONS // work))
