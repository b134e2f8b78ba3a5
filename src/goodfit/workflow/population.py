"""goodfit.train_population: data and many Recipes to as many Runs, trained as few networks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from goodfit.environment import describe_environment
from goodfit.errors import InputError
from goodfit.evaluation.baselines import Predictor
from goodfit.files import data_name
from goodfit.models.build import MODELS
from goodfit.observations import EndedBy
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.saving import check_folder, save_run
from goodfit.training.attention import Attention
from goodfit.training.job import Job
from goodfit.training.loop import train as train_loop
from goodfit.training.population.batching import group_size, make_population, signature
from goodfit.training.population.member_vitals import measure_snapshots
from goodfit.training.population.population_loop import Drop, train_members
from goodfit.training.randomness import seed_epoch, undisturbed
from goodfit.training.state import Row, TrainingState, to_history
from goodfit.training.threads import threads_for, using_threads
from goodfit.training.weights import load_weights
from goodfit.workflow.choices import check_functions, completed
from goodfit.workflow.deciding import calibrated, decided_notes, moved_threshold
from goodfit.workflow.finishing import finish
from goodfit.workflow.job import make_job, network_shape
from goodfit.workflow.lazy_run import LazyRun
from goodfit.workflow.live_display import terminal
from goodfit.workflow.own_data import is_own_data, own_parts
from goodfit.workflow.parts import Parts, leaves
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.starting import NETWORK
from goodfit.workflow.tables import TableOptions, divided, read_table

__all__ = [
    "Member",
    "divider",
    "group_members",
    "make_members",
    "make_run",
    "train_all",
    "train_group",
    "train_population",
]

DIVIDES = ("rows_seed", "valid_fraction", "test_fraction", "scale", "outliers")
"""Recipe fields by which rows are divided and columns prepared."""


@dataclass(eq=False)
class Member:
    """One recipe on its way to a Run; ``measure`` puts the vitals into its state."""

    place: int
    parts: Parts
    job: Job
    state: TrainingState
    ended: EndedBy | None = None
    measure: Callable[[], None] | None = None


def train_population(
    recipes: Sequence[Recipe],
    data: Any,
    *,
    target: str | Sequence[str] | None = None,
    valid: Any = None,
    test: Any = None,
    model: str | nn.Module | Callable[[], nn.Module] | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    group_column: str | None = None,
    time_column: str | None = None,
    reading: Mapping[str, Any] | None = None,
    vitals: bool = True,
    diagnose: bool = True,
    name: str | None = None,
    folder: str | Path | None = None,
    force: bool = False,
    progress: bool = False,
    language: str = "en",
) -> list[Run]:
    """Train many recipes on the same data as few networks, and return their Runs in the recipes' order.

    Recipes that lead to networks of one shape, one kind of loss and optimizer and one batch size are trained
    as one network whose weights have a leading dimension of members; they may differ in seed (initialisation,
    division of the rows, order), learning rate, schedule, epochs, patience and whatever else ends a training,
    momentum, betas and other numbers of the optimizer, weight decay, L1, clipping, dropout, label smoothing,
    class weights, initialisation and averages of weights. Those that cannot be together, and those with
    gradient accumulation, label noise, mixup, balanced sampling, reduced precision, or data that are no
    tensors in memory, train alone. So does tabm, which a table gets whose recipe says nothing of the
    network or its training; no linear model is compared with it here.

    Each member comes out as the same recipe trained by `goodfit.train` would, to floating-point tolerance:
    the same division and order of rows, the same curves, its own best epoch and end. With dropout, and with
    modules that draw random numbers, that holds in distribution: the draws are others. ``seconds`` in the
    History is the clock of all members together, and a time budget is heeded between epochs.

    Parameters
    ----------
    recipes
        Every decision, for each member.
    data, target, valid, test, task, columns, group_column, time_column, reading
        As `goodfit.train` takes them; read once.
    model
        A name, a network, of which each member gets a copy, or a function that builds one; None for the
        recipes' own.
    vitals
        Measure gradients, updates and activations by layer now and then.
    diagnose
        Whether findings are looked for, once somebody asks for them.
    name
        What the runs are called in reports.
    folder
        Where to save the runs once all have ended, each in a folder of its own: ``1``, ``2``, ... There are
        no checkpoints on the way. Without it nothing is written.
    force
        Replace runs that are there.
    progress
        Show progress on stderr.

    Returns
    -------
    list of Run
        Their findings and evaluations are computed when first asked for.

    Raises
    ------
    InputError
        No recipes, or whatever cannot train, in one sentence; a ``ValueError``.

    Examples
    --------
    >>> import goodfit
    >>> from sklearn.datasets import load_iris
    >>> recipe = goodfit.Recipe(hidden=(8,), epochs=20, learning_rate=0.01)
    >>> recipes = [recipe.replace(seed=seed) for seed in range(4)]
    >>> runs = goodfit.train_population(recipes, load_iris(return_X_y=True), task="multiclass")
    >>> [len(run.history) for run in runs]
    [20, 20, 20, 20]
    """
    recipes = list(recipes)
    if not recipes:
        raise InputError("population.no-recipes")
    for place, recipe in enumerate(recipes):
        if not isinstance(recipe, Recipe):
            raise InputError("population.not-a-recipe", place=place, kind=type(recipe).__name__)
        check_functions(recipe, {}, model)
    if isinstance(model, str):
        recipes, model = [recipe.replace(model=model) for recipe in recipes], None
    places = [] if folder is None else [Path(folder) / str(place + 1) for place in range(len(recipes))]
    for where in places:
        check_folder(where, force=force)
    options = TableOptions(task, columns, group_column, time_column, **(reading or {}))
    parts_for = divider(data, target, valid, test, model, options)
    with undisturbed():
        members = make_members(recipes, parts_for, model, vitals)
        train_all(members, PopulationProgress(language, terminal(progress)))
    environment = {
        device: describe_environment(device, None) for device in {m.job.recipe.device for m in members}
    }
    runs = [make_run(member, diagnose, name, environment) for member in members]
    if not places:
        return runs
    return [
        replace(run, folder=save_run(run, where, force=force, language=language))
        for run, where in zip(runs, places, strict=True)
    ]


def train_all(members: Sequence[Member], shown: PopulationProgress | None = None) -> None:
    """Train members as few networks, one group after another; their states are filled."""
    shown = shown or PopulationProgress()
    shown.count = len(members)
    attention = Attention()  # one for all: after a Ctrl-C the groups to come end with their first update
    with shown:
        for group in group_members(members):
            shown.begin(group[0].job.recipe, len(group))
            train_group(group, attention, shown.watcher)


def divider(
    data: Any, target: Any, valid: Any, test: Any, model: Any, options: TableOptions
) -> Callable[[Recipe], Parts]:
    """Return what divides the data for a recipe; equal divisions are made once."""
    if data is None:
        raise InputError("data.not-given")
    made: dict[Hashable, Parts] = {}
    divide: Callable[[Recipe], Parts]
    if is_own_data(data, model):
        divide = lambda recipe: own_parts(data, valid=valid, test=test, recipe=recipe, task=options.task)  # noqa: E731
    else:
        divide = partial(divided, read_table(data, target, valid=valid, test=test, options=options))

    def parts_for(recipe: Recipe) -> Parts:
        key = tuple(repr(getattr(recipe, name)) for name in DIVIDES)
        if key not in made:
            made[key] = divide(recipe)
        return made[key]

    return parts_for


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
    """Return the members that train together: of one signature, as many as suit the machine."""
    by_signature: dict[Hashable, list[Member]] = {}
    for member in members:
        key = signature(member.job)
        by_signature.setdefault(("alone", member.place) if key is None else key, []).append(member)
    groups = []
    for alike in by_signature.values():
        job = alike[0].job
        numbers = _numbers(job) if len({id(member.parts) for member in alike}) > 1 else 0
        size = group_size(job.model, int(job.recipe.batch_size or job.train.rows or 1), numbers)
        # Those with as many epochs together: the batch shrinks less.
        ordered = sorted(alike, key=lambda member: member.job.recipe.epochs)
        groups += [ordered[first : first + size] for first in range(0, len(ordered), size)]
    return groups


def _numbers(job: Job) -> int:
    """Return how many numbers a member's rows are, as inputs of the network."""
    sets = [batches for batches in (job.train, job.valid, job.sample) if batches is not None]
    leaves_of_sets = [leaves(getattr(batches, "inputs", ())) for batches in sets]
    return sum(leaf.numel() for found in leaves_of_sets for leaf in found)


def train_group(group: Sequence[Member], attention: Attention, drop: Drop | None = None) -> None:
    """Train members that suit one another as one network, or one by one; their states are filled.

    Parameters
    ----------
    drop
        Epochs done and best values by the members' places to the places of those that are to end here.
    """
    jobs, states = [member.job for member in group], [member.state for member in group]
    population = make_population(jobs, states) if len(group) > 1 else None
    recipe = jobs[0].recipe
    rows = int(recipe.batch_size or jobs[0].train.rows or 1)
    weights = sum(weight.numel() for weight in jobs[0].model.parameters())
    on_cpu = jobs[0].device.type == "cpu"
    together = weights if population is None else weights * len(group)
    with using_threads(threads_for(together, rows) if on_cpu else torch.get_num_threads()):
        if population is None:
            for member in group:
                member.ended = _train_alone(member, attention, drop)
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
    own = Attention(time_budget=member.job.recipe.time_budget, ends_at=attention.ends_at)
    own.interrupted = attention.interrupted

    def on_epoch(row: Row) -> None:
        whole = drop is not None and not member.state.batch
        if whole and drop is not None and drop(member.state.epoch, {member.place: member.state.best.value}):
            own.end("dropped")

    ended = train_loop(member.job, member.state, own, on_epoch)
    attention.interrupted = own.interrupted
    if member.state.best_weights is not None:
        load_weights(member.job.model, member.state.best_weights)
    member.job.model.eval()
    return ended


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

    loss, calibration = calibrated(job, parts)
    threshold = moved_threshold(job, parts, loss)

    def whole() -> Run:
        with undisturbed():
            if member.measure is not None:
                member.measure()
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
        notes=(*parts.notes, *decided_notes(job, parts, loss, calibration, threshold)),
        held_out=parts.held_out,
        folder=None,
        calibration=calibration,
        threshold=threshold,
    )
