"""goodfit.train_population: data and many Recipes to as many Runs, trained as few networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from goodfit.environment import describe_environment
from goodfit.errors import InputError
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.saving import check_folder, save_run
from goodfit.training.randomness import undisturbed
from goodfit.workflow.choices import check_functions
from goodfit.workflow.group_training import train_groups
from goodfit.workflow.live_display import terminal
from goodfit.workflow.members import Member, group_members, make_members, make_run
from goodfit.workflow.own_data import is_own_data, own_parts
from goodfit.workflow.parts import Parts
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.tables import TableOptions, divided, read_table

__all__ = ["divider", "train_population"]

DIVIDES = ("rows_seed", "valid_fraction", "test_fraction", "scale", "outliers")
"""Recipe fields by which rows are divided and columns prepared."""


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

    Recipes that lead to networks of one kind, one kind of loss and optimizer and one batch size are trained
    as one network whose weights have a leading dimension of members; they may differ in seed (initialisation,
    division of the rows, order), learning rate, schedule, epochs, patience and whatever else ends a training,
    momentum, betas and other numbers of the optimizer, weight decay, L1, clipping, dropout, label smoothing,
    class weights, initialisation, averages of weights, and, for mlp and tabm, in the width of their layers.
    How many train together, and whether narrow networks join wide ones, follows from what was measured to be
    faster; large networks train alone. So do those that cannot be together, and those with gradient
    accumulation, label noise, mixup, balanced sampling, reduced precision, or data that are no tensors in
    memory. A recipe that says nothing of the network or its training is trained as the one network that
    `goodfit.train` begins with; no linear model is compared with it here.

    Each member comes out as the same recipe trained by `goodfit.train` would, to floating-point tolerance:
    the same division and order of rows, the same curves, its own best epoch and end. With dropout, and with
    modules that draw random numbers, that holds in distribution: the draws are others. So it does for biases
    before batch normalisation, which cancels them: their gradients are errors of rounding, of which Adam
    makes whole steps, and the running means follow them late. ``seconds`` in the History is the clock of all
    members together, and a time budget is heeded between epochs.

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
        Where to save the runs, each in a folder of its own: ``1``, ``2``, ... Those that train together are
        written when they have ended; there are no checkpoints before. Without it nothing is written.
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
        devices = {member.job.recipe.device for member in members}
        environment = {device: describe_environment(device, None) for device in devices}
        runs: dict[int, Run] = {}

        def take_over(group: Sequence[Member]) -> None:
            for member in group:
                run = make_run(member, diagnose, name, environment)
                if places:
                    where = places[member.place]
                    run = replace(run, folder=save_run(run, where, force=force, language=language))
                runs[member.place] = run

        shown = PopulationProgress(language, terminal(progress))
        keep = take_over if places else None
        train_groups(group_members(members), math.inf, keep, shown, all_begin=True)
    take_over([member for member in members if member.place not in runs])
    return [runs[place] for place in range(len(recipes))]


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
