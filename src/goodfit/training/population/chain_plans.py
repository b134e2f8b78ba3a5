"""Chains of known layers: which networks are one, which of them can be stacked, and what all fit into."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from goodfit.models.mlp import MLP
from goodfit.models.tabm import TabM
from goodfit.training.known_networks import is_plain
from goodfit.training.population.layer_plans import LayerPlan
from goodfit.training.population.stacked_layers import Dropout, plan_layer
from goodfit.training.population.stacked_tabm import tabm_plans

__all__ = ["chain_plan", "stackable", "weights_of", "widest", "without_dropout"]


def chain_plan(model: nn.Module) -> tuple[LayerPlan, ...] | None:
    """Return the plans of a chain of known layers, None where the network is something else."""
    if not is_plain(model) or not list(model.parameters()):
        return None
    if isinstance(model, TabM) and type(model) is TabM:
        return tabm_plans(model)
    return _sequence(model) if type(model) in (nn.Sequential, MLP) else None


def _sequence(model: nn.Module) -> tuple[LayerPlan, ...] | None:
    plans: list[LayerPlan] = []
    for name, module in model._modules.items():  # with those that stand there twice
        if module is None or type(module) is nn.Identity:
            continue
        plan = plan_layer(name, module, first=not plans)
        if plan is None:
            return None
        plans.append(plan)
    return tuple(plans)


def stackable(plans: Sequence[LayerPlan]) -> tuple[LayerPlan, ...]:
    """Return what chains must have in common to be stacked: all but the widths inside.

    What enters the first linear layer and leaves the last one is the same for all. Chains of goodfit's own
    networks may differ in dropout, too (`without_dropout`).
    """
    linear = [place for place, plan in enumerate(plans) if "outputs" in plan.sizes]
    if not linear:
        return tuple(plans)
    within = range(linear[0], linear[-1])
    found = []
    for place, plan in enumerate(plans):
        free = {"outputs": place in within, "units": place in within, "inputs": place - 1 in within}
        found.append(_resized(plan, {size: 0 for size in plan.sizes if free[size]}))
    return tuple(found)


def without_dropout(plans: Iterable[LayerPlan]) -> tuple[LayerPlan, ...]:
    """Return the plans that hold weights or shape values."""
    return tuple(plan for plan in plans if not isinstance(plan, Dropout))


def widest(chains: Iterable[Sequence[LayerPlan]]) -> tuple[LayerPlan, ...]:
    """Return the chain that each of these, which can be stacked, fits into: every layer as wide as needed."""
    distinct = list(dict.fromkeys(tuple(chain) for chain in chains))
    if len(distinct) == 1:
        return distinct[0]
    by_name: dict[str, list[LayerPlan]] = {}
    for plan in (plan for chain in distinct for plan in chain):
        by_name.setdefault(plan.name, []).append(plan)
    return tuple(
        _resized(plan, {size: max(getattr(own, size) for own in by_name[plan.name]) for size in plan.sizes})
        for plan in max(distinct, key=len)
    )


def _resized(plan: LayerPlan, sizes: dict[str, int]) -> LayerPlan:
    fields: dict[str, Any] = dict(sizes)
    return replace(plan, **fields)


def weights_of(plans: Iterable[LayerPlan]) -> int:
    """Return how many weights a chain has."""
    return sum(math.prod(block.shape) for plan in plans for block in plan.blocks())
