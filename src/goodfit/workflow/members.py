"""Members: recipes made ready, trained together as few networks, and each one's Run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import nn

from goodfit.data.batches import leaves
from goodfit.errors import InputError
from goodfit.evaluation.baselines import Predictor
from goodfit.files import data_name
from goodfit.models.build import MODELS
from goodfit.observations import EndedBy
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.training.attention import Attention
from goodfit.training.job import Job
from goodfit.training.loop import train as train_loop
from goodfit.training.population.batching import groups_of, make_population, signature
from goodfit.training.population.member_ends import Drop
from goodfit.training.population.member_vitals import measure_snapshots
from goodfit.training.population.population_loop import train_members
from goodfit.training.randomness import seed_epoch, undisturbed
from goodfit.training.state import Row, TrainingState, to_history
from goodfit.training.threads import threads_for, threads_of, using_threads
from goodfit.training.weights import load_weights
from goodfit.workflow.choices import completed
from goodfit.workflow.deciding import calibrated, decided_notes, held_out, moved_threshold
from goodfit.workflow.finishing import finish
from goodfit.workflow.job import make_job, network_shape
from goodfit.workflow.lazy_run import LazyRun
from goodfit.workflow.parts import Parts
from goodfit.workflow.starting import NETWORK

__all__ = [
    "Member",
    "add_vitals",
    "best_of",
    "group_members",
    "make_member",
    "make_members",
    "make_run",
    "train_group",
]


@dataclass(eq=False)
class Member:
    """One recipe on its way to a Run; ``measure`` puts the vitals into its state."""

    place: int
    parts: Parts
    job: Job
    state: TrainingState
    ended: EndedBy | None = None
    measure: Callable[[], None] | None = None


def make_members(
    recipes: Sequence[Recipe],
    parts_for: Callable[[Recipe], Parts],
    model: Any = None,
    vitals: bool = True,
    refused: dict[int, InputError] | None = None,
    functions: Mapping[str, Any] | None = None,
) -> list[Member]:
    """Return the recipes made ready to train.

    Parameters
    ----------
    refused
        Takes in, by place, why a recipe cannot train; without it the first such recipe raises.
    functions
        What the user gave as functions, by recipe field, and ``step``.
    """
    members: list[Member] = []
    tried: set[Hashable] = set()
    first_of: dict[Hashable, Job] = {}
    for place, asked in enumerate(recipes):
        parts = parts_for(asked)
        if asked.bag > 1:
            raise InputError("population.bag", bag=asked.bag)
        if asked.stack:
            raise InputError("training.stack-without-bag", stack=list(asked.stack))
        recipe = completed(asked, parts, functions or {}, model)
        shape = (*(getattr(recipe, name) for name in NETWORK), recipe.device)
        # Another division of the same table has rows of the same kind.
        rows = id(parts) if parts.table is None else (parts.train.content[1].shape[1:], _widths(parts))
        like = (rows, *shape, recipe.loss, repr(recipe.loss_options))
        own = copy.deepcopy(model) if isinstance(model, nn.Module) else model
        try:
            job, state = make_job(parts, recipe, own, functions or {}, tried=model is None and like in tried)
        except InputError as error:
            if refused is None:
                raise
            refused[place] = error
            continue
        tried.add(like)
        job = _sharing_rows(replace(job, vitals=vitals), first_of, (id(parts), job.loss.name))
        members.append(Member(place, parts, job, state))
    return members


def make_member(
    place: int, recipe: Recipe, parts: Parts, model: Any, functions: Mapping[str, Any], vitals: bool = False
) -> Member:
    """Return a recipe made ready to train on rows of its own."""
    (member,) = make_members([recipe], lambda _: parts, model, vitals, functions=functions)
    member.place = place
    return member


def _widths(parts: Parts) -> Hashable:
    table = parts.table
    return None if table is None else (table.preparation.levels, len(table.preparation.number_names))


def _sharing_rows(job: Job, first_of: dict[Hashable, Job], key: Hashable) -> Job:
    """Return the job with the very tensors of an earlier one on the same rows, to hold them once."""
    if key not in first_of:
        first_of[key] = job
        return job
    first = first_of[key]
    for name in ("train", "valid", "sample"):
        mine, theirs = getattr(job, name), getattr(first, name)
        if hasattr(mine, "inputs") and hasattr(theirs, "inputs"):
            job = replace(job, **{name: replace(mine, inputs=theirs.inputs, target=theirs.target)})
    return job


def group_members(members: Sequence[Member]) -> list[list[Member]]:
    """Return the members that train as one network: of one signature, as many as suit the machine."""
    by_signature: dict[Hashable, list[Member]] = {}
    for member in members:
        key = signature(member.job)
        by_signature.setdefault(("alone", member.place) if key is None else key, []).append(member)
    groups = []
    for alike in by_signature.values():
        numbers = _numbers(alike[0].job) if len({id(member.parts) for member in alike}) > 1 else 0
        places = groups_of([member.job for member in alike], numbers)
        groups += [[alike[place] for place in group] for group in places]
    return groups


def _numbers(job: Job) -> int:
    """Return how many numbers a member's rows are, as inputs of the network."""
    sets = [batches for batches in (job.train, job.valid, job.sample) if batches is not None]
    leaves_of_sets = [leaves(getattr(batches, "inputs", ())) for batches in sets]
    return sum(leaf.numel() for found in leaves_of_sets for leaf in found)


def best_of(members: Sequence[Member], higher: bool) -> Member:
    """Return the member with the best value, the first of several."""
    known = [member for member in members if math.isfinite(member.state.best.value)] or members
    return (max if higher else min)(known, key=lambda member: member.state.best.value)


def train_group(
    group: Sequence[Member], attention: Attention, drop: Drop | None = None, ends_at: float | None = None
) -> None:
    """Train members that `group_members` put together as one network; their states are filled.

    Parameters
    ----------
    drop
        Epochs done and best values by the members' places to the places of those that are to end here.
    ends_at
        When all of them must be trained, by ``time.perf_counter``; None: whenever ``attention`` says.
    """
    jobs, states = [member.job for member in group], [member.state for member in group]
    population = make_population(jobs, states) if len(group) > 1 else None
    recipe = jobs[0].recipe
    rows = int(recipe.batch_size or jobs[0].train.rows or 1)
    threads = threads_of(jobs[0])
    if population is not None and jobs[0].device.type == "cpu":
        threads = threads_for(population.network.multiplications, rows)
    with using_threads(threads):
        attention.ends_at = attention.ends_at if ends_at is None else ends_at
        if population is None:
            group[0].ended = _train_alone(group[0], attention, drop)
        else:
            every = train_members(population, attention, _by_place(group, drop))
            for number, (member, ended) in enumerate(zip(group, every, strict=True)):
                member.ended = ended
                member.job.model.eval()
                kept = population.snapshots if member.job.vitals else []
                member.measure = partial(measure_snapshots, kept, number, member.job, member.state)


def _by_place(group: Sequence[Member], drop: Drop | None) -> Drop | None:
    """Return ``drop`` for the members' numbers in their group."""
    if drop is None:
        return None
    wanted = drop

    def within(epoch: int, values: Mapping[int, float]) -> list[int]:
        places = wanted(epoch, {group[number].place: value for number, value in values.items()})
        return [number for number, member in enumerate(group) if member.place in places]

    return within


def _train_alone(member: Member, attention: Attention, drop: Drop | None) -> EndedBy:
    def on_epoch(row: Row) -> None:
        whole = drop is not None and not member.state.batch
        if whole and drop is not None and drop(member.state.epoch, {member.place: member.state.best.value}):
            attention.end("dropped")

    attention.time_budget = member.job.recipe.time_budget
    ended = train_loop(member.job, member.state, attention, on_epoch)
    attention.time_budget = None
    if member.state.best_weights is not None:
        load_weights(member.job.model, member.state.best_weights)
    member.job.model.eval()
    return ended


def add_vitals(member: Member) -> None:
    """Put the vitals of a trained member into its state, if they are not there."""
    if member.measure is not None:
        member.measure()
        member.measure = None


def make_run(
    member: Member,
    diagnosed: bool,
    name: str | None,
    environment: Mapping[str, Mapping[str, Any]],
    *,
    baselines: Callable[[], Mapping[str, Predictor]] | None = None,
    resamples: int = 1000,
) -> Run:
    """Return a trained member's Run, judged when asked; ``environment`` is by device.

    Parameters
    ----------
    baselines
        Returns those of another member on the same rows; None: its own are fitted.
    resamples
        Of the bootstrap that gives its scores their intervals.
    """
    job, parts, state, ended = member.job, member.parts, member.state, member.ended
    assert ended is not None
    recipe = job.recipe
    history = to_history(state.rows, monitor=recipe.monitor, best_epoch=state.best.epoch, ended_by=ended)

    held = held_out(job, parts)
    loss, calibration = calibrated(job, held)
    threshold = moved_threshold(job, held, loss)

    def whole() -> Run:
        with undisturbed():
            add_vitals(member)
            seed_epoch(recipe.seed, -1)
            return finish(
                job,
                parts,
                state,
                ended,
                diagnosed=diagnosed,
                name=name,
                baselines=None if baselines is None else baselines(),
                resamples=resamples,
            )

    return LazyRun.of(
        whole,
        name=name or (data_name(parts.source.name) if parts.source.path else parts.source.name),
        recipe=recipe,
        history=history,
        model=job.model,
        loss=loss,
        network=network_shape(parts, job.loss, recipe) if recipe.model in MODELS else None,
        table=parts.table,
        environment=environment[recipe.device],
        notes=(*parts.notes, *decided_notes(job, parts, held, loss, calibration, threshold)),
        held_out=parts.held_out,
        folder=None,
        calibration=calibration,
        threshold=threshold,
    )
