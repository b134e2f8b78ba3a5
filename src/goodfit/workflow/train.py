"""goodfit.train: data and a Recipe to a Run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from goodfit.errors import InputError
from goodfit.loading import load
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.saving import CHECKPOINT, check_folder, is_finished, save_run, training_place
from goodfit.training.job import Job
from goodfit.training.randomness import seed_epoch, undisturbed
from goodfit.workflow.choices import check_functions, completed, separate_functions
from goodfit.workflow.default_network import Plan, planned
from goodfit.workflow.finishing import finish
from goodfit.workflow.keeping_repeats import RepeatsFolder
from goodfit.workflow.kept_networks import BAG, KeptNetworks
from goodfit.workflow.live_display import terminal
from goodfit.workflow.one_network import OneNetwork
from goodfit.workflow.own_data import is_own_data, own_parts
from goodfit.workflow.parts import Parts
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.progress import Progress
from goodfit.workflow.repeating import check_repeats, train_folds, train_seeds
from goodfit.workflow.resuming import read_resumed
from goodfit.workflow.starting import Start, start_from
from goodfit.workflow.tables import TableOptions, table_parts
from goodfit.workflow.time_left import training_ends
from goodfit.workflow.trained import train_planned
from goodfit.workflow.trying import has_batchnorm

__all__ = ["train"]


def train(
    data: Any = None,
    *,
    target: str | Sequence[str] | None = None,
    valid: Any = None,
    test: Any = None,
    model: str | nn.Module | Callable[[], nn.Module] | None = None,
    recipe: Recipe | None = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    group_column: str | None = None,
    time_column: str | None = None,
    reading: Mapping[str, Any] | None = None,
    step: Callable[[nn.Module, Any], Any] | None = None,
    folder: str | Path | None = None,
    force: bool = False,
    resume: str | Path | None = None,
    from_weights: str | Path | Run | None = None,
    seeds: int | None = None,
    folds: int | None = None,
    ensemble: bool = False,
    progress: bool | Progress = False,
    vitals: bool = True,
    tensorboard: str | Path | None = None,
    diagnose: bool = True,
    name: str | None = None,
    language: str = "en",
    begun: float | None = None,
    **recipe_fields: Any,
) -> Run:
    """Train a network and return the finished Run: weights, curves, findings and evaluation.

    Parameters
    ----------
    data
        A table: a path (CSV, TSV, Parquet), a pandas or polars frame, a dict of columns, or ``(X, y)``.
        With a network of one's own also a `torch.utils.data.Dataset`, a `DataLoader`, or an iterable of
        batches ``(inputs, target)``.
    target
        Name of the column to predict, or several names for several numbers.
    valid, test
        Data of the same kind; what is not given is split off ``data`` by a rule that is said.
    model
        A name, an `nn.Module` (trained in place), or a function that builds one; None for the recipe's.
    recipe
        Every decision; ``recipe_fields`` (``epochs=20, learning_rate=0.01, ...``) change some of them.
        ``loss``, ``optimizer``, ``schedule``, ``initialization`` and ``metrics`` may be functions or classes.
    task, columns, group_column, time_column, reading
        See `goodfit.workflow.tables.TableOptions`; ``columns`` maps a column to its kind.
    step
        ``(model, batch) -> loss`` or ``-> (loss, outputs)``, in place of the usual call and loss.
    folder
        Where to save the run, and checkpoints while it trains; without it nothing is written. Ctrl-C ends a
        training with the best weights so far, of several networks those of the first.
    force
        Replace a run that is in ``folder``.
    resume
        A run's folder, to go on from its last checkpoint. What may change is when it ends (``epochs``,
        ``patience``, ``time_budget``, ...); data that were no file, a network and functions of one's own are
        given again.
    from_weights
        A Run, its folder, or a safetensors file, whose weights a new training begins with.
    seeds
        Train with so many seeds, the recipe's and those that follow it, on the same rows and as one
        population: how far they come apart is what chance does (``run.repeats``), and the findings heed it.
        The Run is that of the first seed, nothing being chosen by its result. With a ``folder`` a training
        that has ended is kept in it, and ``resume`` goes on with the others; networks that train as one end
        together, and killed before begin anew.
    folds
        Cross-validate with so many folds, in one population, beside the ordinary training: ``run.repeats``
        has the predictions of every row by the training that left it out, and how good they are.
    ensemble
        Keep the networks of all seeds or folds as one model, whose predictions are their mean. With folds all
        rows are learned from, and the evaluation is that of the rows left out by each.
    progress
        Show progress on stderr.
    tensorboard
        Folder for TensorBoard's event files (needs the extra ``tensorboard``).
    vitals
        Measure gradients, updates and activations by layer now and then.
    diagnose
        Whether to diagnose the training at its end.
    begun
        When the seconds of ``time_budget`` began to count, by ``time.perf_counter``; None for now.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        What cannot train, in one sentence; a ``ValueError``.

    Examples
    --------
    >>> import goodfit
    >>> from sklearn.datasets import load_iris
    >>> run = goodfit.train(load_iris(return_X_y=True), task="multiclass")
    >>> run.evaluation.metrics["accuracy"].value > 0.8
    True
    """
    begun = time.perf_counter() if begun is None else begun
    fields, functions = separate_functions(recipe_fields)
    if isinstance(model, str):
        fields["model"], model = model, None
    if step is not None:
        functions["step"] = step
    options = TableOptions(task, columns, group_column, time_column, **(reading or {}))
    cannot = {"resume": resume, "from_weights": from_weights, "tensorboard": tensorboard}
    repeated = check_repeats(seeds, folds, ensemble, cannot)
    resumed = None if resume is None else read_resumed(Path(resume), recipe, fields)
    if resumed is not None and resumed.repeated:
        seeds, folds, ensemble = (resumed.repeated[name] for name in ("seeds", "folds", "ensemble"))
        repeated = check_repeats(seeds, folds, ensemble, {**cannot, "resume": None})
    start = None if from_weights is None else start_from(from_weights)
    asked = {"data": data, "target": target, "valid": valid, "test": test, "options": options, "name": name}
    if resumed is not None:
        recipe, folder, asked = resumed.recipe, resumed.folder, resumed.arguments(asked)
    else:
        network = {} if start is None or recipe is not None else start.network(fields)
        recipe = (recipe or Recipe()).replace(**network, **fields)
        if folder is not None:
            check_folder(Path(folder), force=force)
    check_functions(recipe, functions, model)
    if repeated is not None:
        shown = PopulationProgress(language, terminal(bool(progress)))
        told = {"seeds": seeds and int(seeds), "folds": folds and int(folds), "ensemble": bool(ensemble)}
        kept_in = None if folder is None else RepeatsFolder(Path(folder), asked, told, force, resumed)
        several: dict[str, Any] = {"ensemble": ensemble, "vitals": vitals, "folder": kept_in}
        several |= {"diagnose": diagnose, "shown": shown, "begun": begun}
        if folds is not None:
            run = train_folds(asked, recipe, model, functions, folds, **several)
        else:
            parts = parts_of(asked, model, recipe, stepped=step is not None, looked_at=folder is not None)
            several |= {"name": asked["name"]}
            run = train_seeds(parts, recipe, model, functions, seeds or 1, **several)
        return run if kept_in is None else kept_in.save(run, language)
    parts = parts_of(asked, model, recipe, stepped=step is not None, looked_at=folder is not None)
    prepared = time.perf_counter()
    if start is not None and recipe.bag > 1:
        raise InputError("training.bag-from-weights", bag=recipe.bag)
    if resumed is not None:
        plan = Plan(completed(recipe, parts, functions, model), resumed.compared, resumed.said)
    elif start is not None:
        plan = Plan(completed(recipe, parts, functions, model))
    else:
        plan = planned(recipe, parts, functions, model)
    if resumed is not None and model is None and not functions and resumed.is_whole(plan.recipe):
        resumed.check_data(parts)
        run = load(resumed.folder)
        return replace(run, notes=(*run.notes, _nothing_left(len(run.history))))
    if start is not None:
        start.check_columns(parts)
    place = None if folder is None else training_place(Path(folder)) if resumed is None else resumed.place
    one = OneNetwork(
        parts,
        model,
        functions,
        asked,
        lambda recipe: Progress.of(progress, recipe, language),
        vitals=vitals,
        tensorboard=tensorboard,
        place=place,
        folder=Path(folder) if folder is not None and resumed is None else None,
        force=force,
        start=start,
        resumed=resumed,
    )
    kept = None if place is None else KeptNetworks(place / CHECKPOINT / BAG)
    ends = partial(training_ends, recipe.time_budget, begun, prepared)
    shown = PopulationProgress(language, terminal(bool(progress)))
    with undisturbed():
        trained = train_planned(plan, one, ends, kept, shown)
        job, state, ended, went_on = trained.ordinary
        notes = (*_notes(job, start), *(() if resumed is None else resumed.notes_on(job)), *trained.notes)
        if resumed is not None and not (went_on or trained.others_trained or trained.interrupted):
            notes = (*notes, _nothing_left(state.epoch))
        seed_epoch(recipe.seed, -1)
        said: dict[str, Any] = {"name": asked["name"], "notes": notes, "bag": trained.bag}
        said |= {"interrupted": trained.interrupted, "diagnosed": diagnose}
        run = finish(job, parts, state, ended, **said)
    if folder is None:
        return run
    before = _networks_in(resumed.place) if resumed is not None and trained.interrupted else 0
    if before > run.recipe.networks:
        stays = Message("training.note.interrupted-run-stays", {"networks": before, "folder": str(folder)})
        return replace(run, notes=(*run.notes, stays))
    saved = save_run(run, Path(folder), language=language, trained_here=True)
    if not trained.interrupted:
        shutil.rmtree(saved / CHECKPOINT / BAG, ignore_errors=True)
    return replace(run, folder=saved, saved_importance=run.own_importance)


def parts_of(
    asked: Mapping[str, Any], model: Any, recipe: Recipe, *, stepped: bool = False, looked_at: bool = False
) -> Parts:
    """Return the data as Parts: a table prepared (and looked at closely), somebody's tensors untouched."""
    data, valid, test, options = (asked[name] for name in ("data", "valid", "test", "options"))
    if data is None:
        raise InputError("data.not-given")
    if is_own_data(data, model):
        return own_parts(data, valid=valid, test=test, recipe=recipe, task=options.task, stepped=stepped)
    given = {"valid": valid, "test": test, "options": options}
    return table_parts(data, asked["target"], recipe=recipe, looked_at=looked_at, **given)


def _networks_in(folder: Path) -> int:
    """Return how many networks the run in a folder averages; 0 where there is no run."""
    return Recipe.from_file(folder / "recipe.toml").networks if is_finished(folder) else 0


def _nothing_left(epochs: int) -> Message:
    return Message("training.note.nothing-left", {"count": epochs})


def _notes(job: Job, start: Start | None) -> tuple[Message, ...]:
    notes = [] if start is None else [Message("training.note.from-weights", {"run": start.name})]
    if job.recipe.accumulate > 1 and has_batchnorm(job.model):
        notes.append(Message("training.note.accumulate-batchnorm", {"accumulate": job.recipe.accumulate}))
    return tuple(notes)
