"""Which trainings can be one, and their jobs put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from goodfit.data.batches import TensorBatches, first_tensor
from goodfit.models.tabm import TabM
from goodfit.training.job import Job
from goodfit.training.members import is_of_members
from goodfit.training.population.batched_losses import batched_loss, loss_signature
from goodfit.training.population.batched_optimizers import batched_optimizer, settings_of
from goodfit.training.population.chain_plans import chain_plan, stackable, without_dropout
from goodfit.training.population.group_sizes import group_size, groups_by_width
from goodfit.training.population.layer_plans import LayerPlan
from goodfit.training.population.mapped_network import MappedNetwork, can_be_mapped
from goodfit.training.population.member_rates import MemberRates
from goodfit.training.population.population_state import Evaluated, Penalties, Population
from goodfit.training.population.stacked_average import StackedAverage
from goodfit.training.population.stacked_network import ChainNetwork, StackedNetwork, decayed_ids
from goodfit.training.population.stacked_rows import StackedRows, stack_rows
from goodfit.training.state import TrainingState

__all__ = ["groups_of", "make_population", "signature"]


def signature(job: Job) -> Hashable | None:
    """Return what the jobs of one population must have in common; None where a job cannot be in any."""
    recipe = job.recipe
    loss = loss_signature(job.loss)
    settings = settings_of(job.optimizer, decayed_ids(job.model))
    special = recipe.accumulate > 1 or recipe.label_noise or recipe.mixup or recipe.precision != "float32"
    if special or recipe.compile or job.step is not None or job.convert or loss is None or settings is None:
        return None
    rows = [_rows_signature(batches) for batches in (job.train, job.valid, job.sample)]
    if None in rows or not isinstance(job.train, TensorBatches) or job.train.target is None:
        return None
    if job.train.chances is not None:
        return None
    target = job.train.target
    if job.loss.facts.target == "labels" and target.ndim == 2 and not target.is_floating_point():
        return None  # several labels for a row
    if recipe.swa is not None and any(isinstance(module, _BatchNorm) for module in job.model.modules()):
        return None
    network = _network_signature(job)
    if network is None or is_of_members(job.loss) != isinstance(job.model, TabM):
        return None
    average = "ema" if recipe.ema is not None else "swa" if recipe.swa is not None else None
    metrics = tuple((metric.name, id(metric.function)) for metric in job.metrics)
    return (
        network,
        loss,
        (settings.rule, settings.flags),
        (*rows, job.train.batch_size, job.train.join_single),
        (average, metrics, job.decode is None, str(job.device)),
    )


def _rows_signature(batches: Any) -> Hashable | None:
    if batches is None:
        return "none"
    if not isinstance(batches, TensorBatches) or batches.target is None or batches.target.ndim > 2:
        return None
    target = batches.target
    return (batches.rows, target.dtype, tuple(target.shape[1:]))


def _network_signature(job: Job) -> Hashable | None:
    plans = _chain(job)
    if plans is not None:
        same = stackable(plans) if _zeros_stay(job.optimizer) else plans
        # Where dropout lies in somebody's own chain is for them to say.
        return same if type(job.model) is nn.Sequential else (type(job.model), *without_dropout(same))
    state = job.model.state_dict()
    if not all(isinstance(value, Tensor) for value in state.values()):
        return None
    state |= dict(job.model.named_buffers())
    shapes = tuple((name, tuple(value.shape), value.dtype) for name, value in state.items())
    return (type(job.model), repr(job.model), shapes)


def _zeros_stay(optimizer: Optimizer) -> bool:
    """Say whether weights that a member does not have stay 0: no rule divides 0 by 0 unless it is told to."""
    return all(np.float32(group.get("eps", 1.0)) > 0 for group in optimizer.param_groups)


def _chain(job: Job) -> tuple[LayerPlan, ...] | None:
    """Return the plans where the network is a chain of known layers over rows of numbers."""
    inputs = job.train.inputs if isinstance(job.train, TensorBatches) else None
    if isinstance(inputs, dict) or (isinstance(inputs, (tuple, list)) and len(inputs) != 2):
        return None
    numbers = first_tensor(inputs)
    plain = numbers.ndim == 2 and numbers.dtype == torch.float32
    plans = chain_plan(job.model) if plain else None
    mixed = plans is not None and plans[0].mixed
    return plans if mixed == isinstance(inputs, (tuple, list)) else None


def groups_of(jobs: Sequence[Job], numbers: int = 0) -> list[list[int]]:
    """Return which jobs of one signature train as one, by their places; those that cannot are alone.

    Parameters
    ----------
    numbers
        Numbers in the rows that each job has for itself, 0 where all have the same rows.
    """
    first = jobs[0]
    rows = int(first.recipe.batch_size or first.train.rows or 1)
    chains = [chain for chain in map(_chain, jobs) if chain is not None]
    if chains:
        sized = groups_by_width(chains, rows, numbers)
    else:
        sized = [(list(range(len(jobs))), group_size(first.model, rows, numbers))]
    groups = []
    for places, size in sized:
        # Those with as many epochs together: the batch shrinks less.
        ordered = sorted(places, key=lambda place: jobs[place].recipe.epochs)
        for begin in range(0, len(ordered), size):
            group = ordered[begin : begin + size]
            stacked = len(group) > 1 and (chains or _can_be_mapped([jobs[place] for place in group]))
            groups += [group] if stacked else [[place] for place in group]
    return groups


def _can_be_mapped(jobs: Sequence[Job]) -> bool:
    train = jobs[0].train
    assert isinstance(train, TensorBatches)
    return can_be_mapped([job.model for job in jobs], _first_rows(train.inputs))


def make_population(jobs: Sequence[Job], states: Sequence[TrainingState]) -> Population:
    """Return jobs that `groups_of` put together as a population."""
    first = jobs[0]
    models = [job.model for job in jobs]
    assert isinstance(first.train, TensorBatches)
    network: StackedNetwork
    network = MappedNetwork.of(models) if _chain(first) is None else ChainNetwork.of(models)
    train = stack_rows([job.train for job in jobs], network.encode, first.device)  # type: ignore[misc]
    recipes = [job.recipe for job in jobs]
    average = None
    if recipes[0].ema is not None:
        average = StackedAverage(network, [recipe.ema or 0.0 for recipe in recipes])
    elif recipes[0].swa is not None:
        average = StackedAverage(network, None)
    settings = [settings_of(job.optimizer, decayed_ids(job.model)) for job in jobs]
    known = [member for member in settings if member is not None]
    few_rows = network.slice(network.arrange(tuple(leaf[:1, :2] for leaf in train.leaves)), 0, 2)
    with torch.no_grad():
        units = network.forward(few_rows, False).shape[1]
    optimizer = batched_optimizer(known, network.weights, network.decayed)
    optimizer.clear(network.absent())
    return Population(
        jobs=jobs,
        states=states,
        network=network,
        optimizer=optimizer,
        loss=batched_loss([job.loss for job in jobs], first.device),
        penalties=_penalties(recipes, first.device),
        rates=_rates(jobs, [member.rate for member in known]),
        train=train,
        valid=_evaluated([job.valid for job in jobs], network.encode, first.device),
        sample=_evaluated([job.sample for job in jobs], network.encode, first.device),
        average=average,
        units=units,
    )


def _first_rows(inputs: Any) -> Any:
    if isinstance(inputs, Tensor):
        return inputs[:4]
    if isinstance(inputs, dict):
        return {name: _first_rows(item) for name, item in inputs.items()}
    return type(inputs)(_first_rows(item) for item in inputs)


def _evaluated(
    members: Sequence[Any], encode: Callable[[Any], Any], device: torch.device
) -> Evaluated | None:
    if members[0] is None:
        return None
    rows = stack_rows(members, encode, device)
    whole = StackedRows(rows.leaves, rows.target, rows.part, rows.seeds, (rows.rows,))
    return Evaluated(whole)


def _penalties(recipes: Sequence[Any], device: torch.device) -> Penalties:
    def column(values: Sequence[float | None], missing: float) -> Tensor | None:
        if not any(values):
            return None
        known = [value or missing for value in values]
        return torch.tensor(known, dtype=torch.float32, device=device).unsqueeze(1)

    return Penalties(
        l1=column([recipe.l1 for recipe in recipes], 0.0),
        value=column([recipe.gradient_clip_value for recipe in recipes], math.inf),
        norm=column([recipe.gradient_clip for recipe in recipes], math.inf),
    )


def _rates(jobs: Sequence[Job], rates: Sequence[float]) -> MemberRates:
    shared: dict[Hashable, Any] = {}
    schedules = []
    for job in jobs:
        recipe = job.recipe
        key = repr((recipe.schedule, recipe.schedule_options, recipe.warmup, recipe.epochs))
        own = recipe.schedule.startswith("function ")
        schedules.append(job.schedule if own else shared.setdefault(key, job.schedule))
    return MemberRates(np.array(rates), schedules, list(range(len(jobs))))
