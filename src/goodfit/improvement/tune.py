"""goodfit.tune: data and a space of Recipes to the best one, with the evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import nn

from goodfit.environment import describe_environment
from goodfit.errors import InputError
from goodfit.files import data_name
from goodfit.improvement.command import train_command
from goodfit.improvement.default_space import default_space
from goodfit.improvement.finals import play_finals, without_search
from goodfit.improvement.folder import STUDY, begin_tuning_folder, save_trials, save_tuning
from goodfit.improvement.halving import halving_of
from goodfit.improvement.importance import importance
from goodfit.improvement.notes import failures, no_time, other_network, side_by_side
from goodfit.improvement.sampling import make_sampling
from goodfit.improvement.search import Search, best_trials, search, what_ended
from goodfit.improvement.search_progress import SearchProgress
from goodfit.improvement.space import Space
from goodfit.improvement.study import Study
from goodfit.improvement.tuning import Tuning
from goodfit.improvement.workers import workers_of
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention, heeding_interrupts
from goodfit.training.randomness import undisturbed
from goodfit.workflow.choices import check_functions, completed
from goodfit.workflow.members import make_members, make_run
from goodfit.workflow.parts import Parts, rows_of
from goodfit.workflow.population import divider
from goodfit.workflow.tables import TableOptions

__all__ = ["tune"]

SEARCHED = 0.7
"""Share of a time budget that the search may take where finals follow it."""
FINALISTS = 3
TRIALS = 64


def tune(
    data: Any,
    *,
    target: str | Sequence[str] | None = None,
    space: Mapping[str, Any] | str | Path | None = None,
    trials: int | None = None,
    time_budget: float | None = None,
    valid: Any = None,
    test: Any = None,
    model: str | nn.Module | Callable[[], nn.Module] | None = None,
    recipe: Recipe | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    group_column: str | None = None,
    time_column: str | None = None,
    reading: Mapping[str, Any] | None = None,
    sampler: str = "tpe",
    halving: int | None = 3,
    seeds: int = 5,
    workers: int | None = None,
    storage: str | None = None,
    study: str | None = None,
    folder: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    progress: bool = False,
    name: str | None = None,
    language: str = "en",
    **recipe_fields: Any,
) -> Tuning:
    """Search for the best recipe, and say how sure it is that it is better.

    Recipes are proposed many at a time, trained together as populations, and dropped early where others are
    better after as many epochs. The best few, and what `goodfit.train` makes of the same call without a
    search, are then trained with several seeds and compared on the same validation rows in pairs; the best of
    them is judged on the test rows, once.

    Parameters
    ----------
    data, target, valid, test, model, task, columns, group_column, time_column, reading, name
        As `goodfit.train` takes them.
    space
        What is searched: a dict of recipe fields (or ``"optimizer_options.eps"``) to lists of choices or to
        ``{"low": ..., "high": ..., "log": ..., "step": ...}``, or the path of a TOML file that says the same;
        None for one that suits the network and the number of rows.
    trials
        Recipes to try, those of a study that goes on included; 64 by default, and without end where there is
        a ``time_budget`` or a grid.
    time_budget
        Seconds for search and finals.
    recipe
        What the search begins with, and what the best one is compared with; ``recipe_fields`` (``epochs=50,
        monitor="valid_accuracy", ...``) are the same in every trial.
    sampler
        ``"tpe"``, ``"cmaes"``, ``"quasi-random"``, ``"random"``, or ``"grid"`` for every point of the space.
    halving
        After some epochs only the best one in so many goes on; None trains all to their end.
    seeds
        Seeds of the finals; 1 for no finals.
    workers
        Groups of recipes that train side by side, each in a process of its own with one thread (on Linux, and
        where no accelerator is); what is found then depends on which of them is first. By default as many as
        there are cores where there is a ``time_budget``, else 1: the same seed finds the same.
    storage
        Where trials are kept: an address that Optuna knows (``sqlite:///study.db``, ``postgresql://...``), a
        ``.db`` or a ``.journal`` file. Processes on one storage and study share their trials. By default
        ``study.db`` in ``folder``.
    study
        Name of the study in the storage; by default the data's name.
    folder
        Where to save everything; without it nothing is written.
    force
        Replace the tuning that is in ``folder``.
    resume
        Go on with the search in ``folder``, also after it was killed: the same call, with more ``trials`` or
        ``time_budget`` where wanted. It draws other points than it would have without the interruption.
    progress
        Show on stderr how the search goes.
    language
        Of the report.

    Returns
    -------
    Tuning

    Raises
    ------
    InputError
        A space without points or with a single one, unknown fields, bounds that are none; a storage that
        cannot be reached, or a study of that name with another space; no trial could train, or there was no
        time for one. A ``ValueError``.

    Examples
    --------
    >>> import goodfit
    >>> from sklearn.datasets import load_iris
    >>> space = {"learning_rate": {"low": 1e-3, "high": 0.1, "log": True}, "hidden": [[4], [16]]}
    >>> tuning = goodfit.tune(
    ...     load_iris(return_X_y=True), task="multiclass", space=space, trials=8, epochs=20, seeds=2
    ... )
    >>> len(tuning.trials), tuning.recipe.hidden in [(4,), (16,)]
    (8, True)
    """
    begun = perf_counter()
    _check_numbers(trials, time_budget, seeds, halving, workers)
    if isinstance(model, str):
        recipe_fields["model"], model = model, None
    base = (recipe or Recipe()).replace(**recipe_fields)
    base = base.replace(split_seed=base.rows_seed)  # all trials on the same rows, each with its own start
    check_functions(base, {}, model)
    options = TableOptions(task, columns, group_column, time_column, **(reading or {}))
    parts_for = divider(data, target, valid, test, model, options)
    parts = parts_for(base)
    if parts.valid is None and not base.monitor.startswith(("train_", "running_")):
        raise InputError("tune.no-validation")
    given = base
    if base.model == "auto" and not callable(model):
        base = base.replace(model="mlp")  # what is searched describes it, and many train as one network
    asked, base = base, completed(base, parts, {}, model)
    found = _space(space, base, asked, rows_of(parts.train) or 1000, tuple(recipe_fields))
    with undisturbed():
        first = make_members([found.base], parts_for, model, vitals=False)[0]
        monitor, higher = first.job.recipe.monitor, first.state.best.higher
        make_sampling(sampler, found, seed=0, higher=higher)  # what is wrong with it is said before writing
        where = _begun(folder, force=force, resume=resume, stored=storage is not None)
        name = name or (data_name(parts.source.name) if parts.source.path else parts.source.name)
        kept = Study(
            found,
            sampler,
            seed=base.seed % 2**32,
            higher=higher,
            storage=storage or (None if where is None else str(where / STUDY)),
            name=study or name,
            facts=_facts(found, parts, monitor),
        )
        shown = SearchProgress(progress, trials, monitor, higher, language)
        budget = math.inf if time_budget is None else time_budget
        state = Search(
            kept,
            halving_of(found, kept.trials, halving, higher=higher, monitor=monitor),
            parts_for,
            model,
            TRIALS if trials is None and time_budget is None and sampler != "grid" else trials,
            Attention(ends_at=begun + budget, progress=lambda _: state.look()),
            shown.tell,
            shown.draw,
            workers_of(workers, time_budget, found.base),
            ends_at=begun + SEARCHED * budget if seeds > 1 else math.inf,
            seeds=seeds,
        )
        with shown, heeding_interrupts(state.attention):
            search(state)
        ended_by = what_ended(state)
        kept.take_in()
        if not kept.trials:
            kept.remove_if_empty()
        if where is not None:
            save_trials(kept.trials, monitor, where)
        best = best_trials(state, time_budget)
        late = math.isfinite(budget) and not state.has_time_for_finals()
        playing = seeds > 1 and not late and not state.attention.interrupted
        last = Attention(ends_at=begun + budget, progress=lambda _: shown.draw())
        with shown, heeding_interrupts(last):
            shown.finals()
            finals = play_finals(
                best[:FINALISTS],
                without_search(given, parts, model, last.ends_at) if playing else base,
                state.best if state.best_value == best[0].value else None,
                parts_for,
                model,
                seeds=seeds if playing else 1,
                attention=last,
                higher=higher,
                workers=state.workers,
            )
    device = finals.member.job.recipe.device
    tuning = Tuning(
        run=make_run(finals.member, True, name, {device: describe_environment(device, None)}),
        trials=tuple(kept.trials),
        space=found,
        finalists=finals.finalists,
        importance=importance(found, kept.trials, higher=higher, seed=base.seed % 2**32),
        monitor=monitor,
        higher=higher,
        sampler=sampler,
        seconds=perf_counter() - begun,
        ended_by="interrupted" if last.interrupted else ended_by,
        notes=(
            *other_network(without_search(given, parts, model), base, finals),
            *failures(kept.trials),
            *no_time(late and seeds > 1 and not state.attention.interrupted),
            *side_by_side(state.workers, workers),
            *finals.notes,
        ),
        command=""
        if where is None
        else train_command(data, target, valid, test, options, where / "best.toml"),
    )
    return tuning if where is None else save_tuning(tuning, where, language)


def _begun(folder: str | Path | None, *, force: bool, resume: bool, stored: bool) -> Path | None:
    if folder is None:
        if resume:
            raise InputError("tune.resume-what")
        return None
    begin_tuning_folder(Path(folder), force=force, resume=resume, stored=stored)
    return Path(folder)


def _space(space: Any, base: Recipe, asked: Recipe, rows: int, fixed: Sequence[str]) -> Space:
    if space is None:
        return default_space(base, rows, fixed)
    found = Space.of(space, base)
    if "model" in found.dimensions:  # each network has defaults of its own for what nobody said
        found = Space.of(space, asked)
    for name in fixed:
        if any(dimension.partition(".")[0] == name for dimension in found.dimensions):
            raise InputError("tune.fixed-and-searched", field=name)
    return found


def _facts(space: Space, parts: Parts, monitor: str) -> dict[str, Any]:
    """Return what two searches must have in common to share a study."""
    recipe = {name: value for name, value in space.base.to_dict().items() if name != "device"}
    data = {
        "sha256": parts.source.sha256,
        "train": rows_of(parts.train),
        "valid": rows_of(parts.valid),
        "targets": [] if parts.table is None else list(parts.table.profile.targets),
    }
    return {"space": space.plain(), "data": data, "recipe": recipe, "monitor": monitor}


def _check_numbers(trials: Any, time_budget: Any, seeds: Any, halving: Any, workers: Any) -> None:
    counts = (("trials", trials, 1), ("seeds", seeds, 1), ("halving", halving, 2), ("workers", workers, 1))
    for name, value, least in counts:
        if value is None and name != "seeds":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError("tune.too-small", name=name, value=str(value), least=least)
    if time_budget is not None and not (isinstance(time_budget, (int, float)) and 0 < time_budget < math.inf):
        raise InputError("tune.bad-budget", value=str(time_budget))
