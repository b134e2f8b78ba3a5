"""One recipe trained several times as one population: with several seeds, or leaving out fold after fold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from goodfit.diagnosis.repeated import over_repeats
from goodfit.environment import describe_environment
from goodfit.errors import InputError
from goodfit.evaluation.spread import spread_of
from goodfit.messages import Message
from goodfit.models.ensemble import Ensemble
from goodfit.observations import History
from goodfit.recipe import Recipe
from goodfit.repeats import Repeat, Repeats
from goodfit.run import Run
from goodfit.training.randomness import undisturbed
from goodfit.training.weights import load_weights
from goodfit.workflow.choices import completed
from goodfit.workflow.default_network import Plan
from goodfit.workflow.finishing import judged
from goodfit.workflow.folding import (
    Fold,
    FoldedRows,
    fold_table,
    mean_calibration,
    mean_threshold,
    out_of_fold,
)
from goodfit.workflow.group_training import train_all
from goodfit.workflow.keeping_repeats import RepeatsFolder, interrupted_notes, that_count
from goodfit.workflow.members import Member, make_member, make_members, make_run
from goodfit.workflow.own_data import is_own_data, own_folds, own_parts
from goodfit.workflow.parts import Parts
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.table_defaults import bagged, leaves_all_open
from goodfit.workflow.tables import divided, read_table
from goodfit.workflow.time_left import AFTER_SEVERAL, training_ends

__all__ = ["check_repeats", "train_folds", "train_seeds"]

Functions = Mapping[str, Any]


def check_repeats(
    seeds: int | None, folds: int | None, ensemble: bool, others: Mapping[str, Any]
) -> Literal["seeds", "folds"] | None:
    """Say which repetition is asked for, None for a single training.

    Parameters
    ----------
    others
        What cannot go with a repetition, by its name as an option; None or False where it was not given.

    Raises
    ------
    InputError
        Fewer than one seed or two folds, both at once, an ensemble of a single training, or something that
        cannot go with several.
    """
    if seeds is not None and not _whole(seeds, 1):
        raise InputError("population.seeds", seeds=seeds)
    if folds is not None and not _whole(folds, 2):
        raise InputError("population.folds", folds=folds)
    if seeds is not None and folds is not None:
        raise InputError("population.cannot-go", first="seeds", second="folds")
    kind: Literal["seeds", "folds"] | None
    kind = "folds" if folds is not None else "seeds" if seeds is not None and seeds > 1 else None
    if ensemble and others.get("resume") is not None:
        raise InputError("population.cannot-go", first="ensemble", second="resume")
    if ensemble and kind is None:
        raise InputError("population.ensemble-alone")
    for name, value in others.items():
        if kind is not None and value is not None and value is not False:
            raise InputError("population.cannot-go", first=kind, second=name)
    return kind


def train_seeds(
    parts: Parts,
    recipe: Recipe,
    model: Any,
    functions: Functions,
    seeds: int,
    *,
    ensemble: bool = False,
    vitals: bool = True,
    diagnose: bool = True,
    name: str | None = None,
    shown: PopulationProgress | None = None,
    begun: float,
    folder: RepeatsFolder | None = None,
) -> Run:
    """Train ``recipe`` with its seed and the ones that follow it, on the same rows, as one population.

    The Run is that of the recipe's own seed: the one that training without the others gives, so that its
    recipe gives it again, and nothing is chosen by its result. With ``ensemble`` it is the average of all.

    Parameters
    ----------
    begun
        When the seconds of the time budget, which is of all of it, began to count, by ``time.perf_counter``.
    folder
        Keeps the networks as they end; None: nothing does.

    Raises
    ------
    KeyboardInterrupt
        There was a Ctrl-C before the first seed's training began.
    """
    if folder is not None:
        folder.begin_alike(model)
    asked, recipe = recipe, completed(recipe, parts, functions, model)
    notes = (folder.said if folder is not None else ()) or _single_networks(
        asked, recipe, parts, functions, model
    )
    recipes = [recipe.replace(seed=(recipe.seed + place) % 2**63) for place in range(seeds)]
    with undisturbed():
        members = make_members(recipes, lambda _: parts, model, vitals, functions=functions)
        kept = None if folder is None else folder.keep(Plan(recipe, notes=notes), parts, model)
        train_all(members, shown, _ends(recipe, begun), kept)
    every, members = members, that_count(members)
    if not members:
        raise KeyboardInterrupt
    notes = (*notes, *interrupted_notes(every, members, kept))
    runs = _runs(members, diagnose, name, shared=True)
    trainings = tuple(_repeat(run, run.recipe.seed) for run in runs)
    if isinstance(model, nn.Module):
        notes = (*notes, Message("population.note.same-start"))
    repeats = Repeats("seeds", trainings, ensemble)
    run = replace(
        runs[0],
        history=_history(runs[0], every),
        findings=tuple(_findings(runs, "seeds")) if diagnose else (),
        repeats=repeats,
        notes=(*runs[0].notes, *notes),
    )
    if ensemble:
        together = replace(members[0].job, model=_ensemble(runs))
        decided = judged(together, parts, run.baselines)
        decided["notes"] = (*parts.notes, *notes, *decided["notes"])
        return replace(run, model=together.model, **decided)
    return _in_place(run, model, members[0].job.device)


def train_folds(
    asked: Mapping[str, Any],
    recipe: Recipe,
    model: Any,
    functions: Functions,
    folds: int,
    *,
    ensemble: bool = False,
    vitals: bool = True,
    diagnose: bool = True,
    shown: PopulationProgress | None = None,
    begun: float,
    folder: RepeatsFolder | None = None,
) -> Run:
    """Cross-validate ``recipe`` in one population: each row is predicted by the training that left it out.

    The Run is that of the ordinary division of the rows, which is trained beside the folds; with
    ``ensemble`` it is the average of the folds' networks, and its evaluation that of the rows left out.

    Parameters
    ----------
    asked
        ``data, target, valid, test, options, name``, as `goodfit.train` takes them.
    begun
        When the seconds of the time budget, which is of all of it, began to count, by ``time.perf_counter``.
    folder
        See `train_seeds`.

    Raises
    ------
    KeyboardInterrupt
        There was a Ctrl-C before the training of each fold had begun.
    InputError
        Test rows or their share were given, or the rows cannot be divided into so many folds.
    """
    if asked["test"] is not None or recipe.test_fraction != "auto":
        raise InputError("folds.test-given", folds=folds)
    if asked["data"] is None:
        raise InputError("data.not-given")
    data, valid, options = asked["data"], asked["valid"], asked["options"]
    if is_own_data(data, model):
        given: dict[str, Any] = {"valid": valid, "task": options.task, "stepped": "step" in functions}
        folded = FoldedRows(*own_folds(data, folds, recipe=recipe, **given))
        ordinary = None if ensemble else own_parts(data, test=None, recipe=recipe, **given)
    else:
        known = read_table(data, asked["target"], valid=valid, options=options)
        folded = fold_table(known, recipe, folds, one_preparation=ensemble)
        ordinary = None if ensemble else divided(known, recipe)
    every = folded.parts if ordinary is None else [ordinary, *folded.parts]
    if folder is not None:
        folder.begin_alike(model)
    chosen, recipe = recipe, completed(recipe, every[0], functions, model)
    notes = (folder.said if folder is not None else ()) or _single_networks(
        chosen, recipe, every[0], functions, model
    )
    with undisturbed():
        members = [
            make_member(place, recipe, parts, model, functions, vitals) for place, parts in enumerate(every)
        ]
        kept = None if folder is None else folder.keep(Plan(recipe, notes=notes), every[0], model)
        train_all(members, shown, _ends(recipe, begun), kept)
    if any(member.ended is None for member in members):
        raise KeyboardInterrupt
    notes = (*notes, *interrupted_notes(members, members, kept))
    runs = _runs(members, diagnose, asked["name"], shared=False)
    left_out = zip(runs[len(every) - folds :], folded.parts, strict=True)
    of_folds = [Fold(place + 1, run, parts) for place, (run, parts) in enumerate(left_out)]
    evaluation, predictions = out_of_fold(of_folds, seed=recipe.seed)
    trainings = tuple(_repeat(fold.run, fold.number) for fold in of_folds)
    repeats = Repeats("folds", trainings, ensemble, evaluation, predictions)
    run = replace(
        runs[0],
        history=_history(runs[0], members),
        repeats=repeats,
        notes=(*runs[0].notes, folded.rule, *notes),
    )
    if not ensemble:
        return _in_place(run, model, members[0].job.device)
    table = (
        None if run.table is None else replace(run.table, split=replace(run.table.split, rule=folded.rule))
    )
    shared = () if table is None else (Message("population.note.one-preparation"),)
    calibration = mean_calibration(runs)
    return replace(
        run,
        model=_ensemble(runs),
        loss=replace(run.loss, temperature=1.0 if calibration is None else calibration.temperature),
        calibration=calibration,
        threshold=mean_threshold(runs),
        findings=tuple(_findings(runs, "folds")) if diagnose else (),
        evaluation=evaluation,
        table=table,
        test_predictions=predictions,
        held_out=None,  # no row is new to all the networks
        notes=(*every[0].notes, *shared, *notes),
    )


def _single_networks(
    asked: Recipe, recipe: Recipe, parts: Parts, functions: Functions, model: Any
) -> tuple[Message, ...]:
    """Return that single networks are trained where `goodfit.train` alone would average several."""
    networks = bagged(recipe, parts).networks
    if networks == 1 or not leaves_all_open(asked, functions, model):
        return ()
    return (Message("population.note.single-networks", {"networks": networks}),)


def _history(run: Run, members: Sequence[Member]) -> History:
    """Return the curves of the first training, which end as all of them did."""
    interrupted = any(member.ended in (None, "interrupted") for member in members)
    return replace(run.history, ended_by="interrupted") if interrupted else run.history


def _ends(recipe: Recipe, begun: float) -> float:
    """Return when all trainings must have ended, now that they are ready."""
    return training_ends(recipe.time_budget, begun, time.perf_counter(), AFTER_SEVERAL)


def _in_place(run: Run, model: Any, device: torch.device) -> Run:
    """Return the run with somebody's own network, which has been trained in place then, as always."""
    if not isinstance(model, nn.Module):
        return run
    load_weights(model.to(device), run.model.state_dict())
    return replace(run, model=model.eval())


def _whole(value: Any, least: int) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and bool(value >= least)


def _runs(members: Sequence[Member], diagnose: bool, name: str | None, *, shared: bool) -> list[Run]:
    """Return the members' Runs; only the first has intervals. Those on the same rows share baselines."""
    environment = {
        device: describe_environment(device, None) for device in {m.job.recipe.device for m in members}
    }
    first = make_run(members[0], diagnose, name, environment)
    known = (lambda: first.baselines) if shared else None
    return [
        first,
        *(
            make_run(member, diagnose, name, environment, baselines=known, resamples=0)
            for member in members[1:]
        ),
    ]


def _repeat(run: Run, number: int) -> Repeat:
    measured = run.evaluation
    scores = {} if measured is None else {name: score.value for name, score in measured.metrics.items()}
    codes = tuple(finding.code for finding in run.findings)
    return Repeat(number, run.history, scores, codes, 0 if measured is None else measured.rows)


def _findings(runs: Sequence[Run], kind: Literal["seeds", "folds"]) -> list[Any]:
    spread = None
    if runs[0].recipe.monitor == "valid_loss":
        spread = spread_of([_repeat(run, 0).best for run in runs])
    return over_repeats([run.findings for run in runs], spread, kind)


def _ensemble(runs: Sequence[Run]) -> nn.Module:
    return Ensemble([run.model for run in runs], runs[0].loss.facts.predictions).eval()
