"""How members of a population end: by their own rules or from outside, and out of the batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch

from goodfit.observations import EndedBy
from goodfit.training.job import Job
from goodfit.training.population.member_records import MemberRecords
from goodfit.training.population.population_state import Array, Evaluated, Population
from goodfit.training.state import TrainingState
from goodfit.training.stopping import ended_by
from goodfit.training.weights import load_weights

__all__ = ["Drop", "drop_unwanted", "note_ends", "shrink"]

Drop = Callable[[int, Mapping[int, float]], Collection[int]]
"""Whole epochs done and each member's best monitored value so far, to the members that are to end here."""


def note_ends(
    population: Population,
    records: MemberRecords,
    alive: list[int],
    row: dict[str, Array],
    cut: EndedBy | None,
    ended: dict[int, EndedBy],
    seconds: float,
) -> None:
    """Put what ended each member into ``ended``, and its best weights into its state."""
    members = [population.active[place] for place in alive]
    finite = np.isfinite(row["running_loss"]) & np.isfinite(row.get("train_loss", row["running_loss"]))
    at_end = records.may_have_ended(members, population.epoch, seconds, finite[alive])
    for number in range(len(members)) if cut is not None else at_end:
        member, place = members[number], alive[number]
        recipe, best = population.jobs[member].recipe, records.best(member)
        reason = cut or ended_by(
            recipe, best, epoch=population.epoch, seconds=seconds, finite=bool(finite[place])
        )
        if reason is not None:
            ended[member] = reason
            _end(population, records, place, seconds)


def drop_unwanted(
    population: Population, records: MemberRecords, drop: Drop, ended: dict[int, EndedBy], seconds: float
) -> None:
    """End the members that somebody outside the training wants no more of."""
    stayed = [member for member in range(len(population.jobs)) if ended.get(member) != "dropped"]
    values = {member: records.best(member).value for member in stayed}
    unwanted = set(drop(population.epoch, values))
    for place, member in enumerate(population.active):
        if member in unwanted and member not in ended:
            ended[member] = "dropped"
            _end(population, records, place, seconds)


def _end(population: Population, records: MemberRecords, place: int, seconds: float) -> None:
    member = population.active[place]
    job, state = population.jobs[member], population.states[member]
    state.best = records.best(member)
    state.epoch, state.step, state.seconds = population.epoch, population.step, seconds
    _hand_back(population, place, job, state)


def _hand_back(population: Population, place: int, job: Job, state: TrainingState) -> None:
    network = population.network
    kept = state.best.epoch is not None
    tensors = population.best if kept else population.weights()
    buffers = {name: tensor for name, tensor in tensors.items() if name}
    steps = population.step if not kept else round((state.best.epoch or 0.0) * len(population.train.sizes))
    found = network.state_of(place, tensors[""], buffers)
    first = {id(weight): name for name, weight in job.model.named_parameters()}
    shared = {name: first[id(weight)] for name, weight in job.model.named_parameters(remove_duplicate=False)}
    weights = {}
    for name, value in job.model.state_dict().items():
        known = found.get(shared.get(name, name))
        if known is None:  # BatchNorm's count of batches, or what training does not change
            counts = name.endswith("num_batches_tracked")
            known = torch.full_like(value, steps) if counts else value.clone()
        weights[name] = known
    if kept:
        state.best_weights = weights
    load_weights(job.model, weights)
    gradients = network.state_of(place, network.gradient, {})
    for name, parameter in job.model.named_parameters():
        parameter.grad = gradients[name]  # what the diagnosis looks at


def shrink(population: Population, places: list[int]) -> None:
    """Take all but the members at ``places`` out of the batch, so that the others have its work for them."""
    index = torch.tensor(places, device=population.network.weights.device)
    population.active = [population.active[place] for place in places]
    network = population.network
    population.network = network.keep(index)
    population.optimizer.keep(index, population.network.weights, population.network.decayed, network.kept)
    population.loss = population.loss.keep(index)
    population.penalties = population.penalties.keep(index)
    population.rates = population.rates.keep(places)
    population.train = population.train.keep(places)
    population.best = network.kept(index, population.best)
    for name in ("valid", "sample"):
        evaluated = getattr(population, name)
        if evaluated is not None:
            setattr(population, name, Evaluated(evaluated.rows.keep(places)))
    if population.average is not None:
        population.average.keep(index, network.kept)
