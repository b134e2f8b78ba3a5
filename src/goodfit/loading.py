"""A run folder back to a Run, without executing anything that is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodfit.errors import GoodfitError, InputError
from goodfit.finding import Finding
from goodfit.messages import Message
from goodfit.observations import History, Observations
from goodfit.recipe import Recipe
from goodfit.repeats import Repeats
from goodfit.run import Run
from goodfit.saving import FORMAT, is_finished, is_run, mend
from goodfit.vitals import Vitals

if TYPE_CHECKING:
    from torch import nn

    from goodfit.training.losses import Loss

__all__ = ["load"]


def load(path: str | Path, *, model: nn.Module | None = None) -> Run:
    """Read a run folder.

    Parameters
    ----------
    model
        The network, where the run was trained with one that only its caller can build; its weights are
        replaced.

    Raises
    ------
    InputError
        No such folder, no run in it, a damaged file, or a network that only the caller can build.
    """
    from safetensors.torch import load_file

    from goodfit.data.analysis.results import TableAnalysis
    from goodfit.data.facts import TableFacts
    from goodfit.data.preparation import Preparation
    from goodfit.evaluation.baselines import predictor_from_dict
    from goodfit.evaluation.calibration import Calibration
    from goodfit.evaluation.scores import Evaluation
    from goodfit.evaluation.threshold import Threshold
    from goodfit.explanation.importance import Importance
    from goodfit.rows_curve import DataCurve
    from goodfit.training.weights import load_weights

    folder = Path(path)
    _check(folder)
    with _reading(folder / "training.json") as file:
        facts = json.loads(file.read_text("utf-8"))
        later = facts["format"] > FORMAT
    if later:
        raise InputError("run.from-the-future", path=str(path))
    with _reading(folder / "recipe.toml") as file:
        recipe = Recipe.from_toml(file.read_text("utf-8"), str(file))
        if recipe.model == "auto":
            raise ValueError("it does not say which network")
    with _reading(folder / "history.csv") as file:
        history = History.from_csv(file.read_text("utf-8"), **facts["history"])
        if len(history) != facts["epochs"]:
            raise ValueError(f"{len(history)} rows for {facts['epochs']} epochs")
    with _reading(folder / "findings.json") as file:
        findings = tuple(Finding.from_dict(item) for item in json.loads(file.read_text("utf-8"))["findings"])
    with _reading(folder / "evaluation.json") as file:
        scores = json.loads(file.read_text("utf-8"))
        evaluation = None if scores is None else Evaluation.from_dict(scores)
    with _reading(folder / "baselines.json") as file:
        predictors = json.loads(file.read_text("utf-8"))
        baselines = {name: predictor_from_dict(item) for name, item in predictors.items()}
    with _reading(folder / "environment.json") as file:
        environment = dict(json.loads(file.read_text("utf-8")))
    table = None
    if (folder / "data.json").exists() or (folder / "preparation.json").exists():
        with _reading(folder / "preparation.json") as file:
            preparation = Preparation.from_json(file.read_text("utf-8"), str(file))
        analysis = None
        if (folder / "profile.json").exists():
            with _reading(folder / "profile.json") as file:
                analysis = TableAnalysis.from_dict(json.loads(file.read_text("utf-8")))
        with _reading(folder / "data.json") as file:
            table = TableFacts.from_dict(json.loads(file.read_text("utf-8")), preparation, analysis)
    with _reading(folder / "model.safetensors") as file:
        weights = load_file(file)
    importance = None
    if (folder / "importance.json").exists():
        with _reading(folder / "importance.json") as file:
            importance = Importance.from_dict(json.loads(file.read_text("utf-8")))
    data_curve = None
    if (folder / "data-curve.json").exists():
        with _reading(folder / "data-curve.json") as file:
            data_curve = DataCurve.from_dict(json.loads(file.read_text("utf-8")), recipe)
    test_predictions = None
    if (folder / "test-predictions.parquet").exists():
        import polars as pl

        with _reading(folder / "test-predictions.parquet") as file:
            test_predictions = pl.read_parquet(file)
    vitals = None
    if (folder / "vitals.csv").exists():
        with _reading(folder / "vitals.csv") as file:
            vitals = Vitals.from_csv(file.read_text("utf-8"))
    with _reading(folder / "training.json"):
        told = facts.get("repeats")
    repeats = None if told is None else _repeats(told, folder)
    with _reading(folder / "training.json"):
        network = model if model is not None else _rebuilt(recipe, facts, folder)
        fitted, moved = facts.get("calibration"), facts.get("threshold")
        calibration = None if fitted is None else Calibration.from_dict(fitted)
        threshold = None if moved is None else Threshold.from_dict(moved)
        if repeats is not None and repeats.ensemble:
            network = _several(network, len(repeats), recipe, facts)
        loss = _loss(recipe, facts)
        if calibration is not None:
            loss = replace(loss, temperature=calibration.temperature)
        observations = Observations.from_plain(
            facts["observations"], history=history, recipe=recipe, vitals=vitals
        )
        notes = tuple(Message.from_dict(note) for note in facts["notes"])
        name = str(facts["name"])
    try:
        load_weights(network, weights)
    except (RuntimeError, KeyError) as error:
        raise InputError("run.weights-do-not-fit", path=str(folder), problem=_problem(error)) from None
    network.eval()
    return Run(
        name=name,
        recipe=recipe,
        history=history,
        findings=findings,
        model=network,
        loss=loss,
        observations=observations,
        network=facts["network"],
        evaluation=evaluation,
        table=table,
        baselines=baselines,
        environment=environment,
        notes=notes,
        folder=folder,
        calibration=calibration,
        threshold=threshold,
        saved_importance=importance,
        repeats=repeats,
        test_predictions=test_predictions,
        data_curve=data_curve,
    )


def _check(folder: Path) -> None:
    """Refuse what is no folder of a finished run, and finish moving one that was interrupted at it."""
    try:
        mend(folder)
        if not folder.exists():
            raise InputError("run.missing", path=str(folder))
        if is_finished(folder):
            return
        begun = is_run(folder)
    except OSError as error:
        raise InputError("run.damaged", path=str(folder), problem=error.strerror or str(error)) from None
    raise InputError("run.unfinished" if begun else "run.not-a-run", path=str(folder))


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """Turn whatever a damaged file leads to into one sentence that names the file."""
    try:
        yield file
    except GoodfitError:
        raise
    except Exception as error:  # what damage looks like cannot be foreseen
        raise InputError("run.damaged", path=str(file), problem=_problem(error)) from None


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"there is no {error}"
    return str(error).partition("\n")[0] or type(error).__name__


def _rebuilt(recipe: Recipe, facts: Mapping[str, Any], folder: Path) -> nn.Module:
    from goodfit.models.build import MODELS, build_model

    if recipe.model not in MODELS or facts["network"] is None:
        raise InputError("run.needs-model", path=str(folder), model=recipe.model.removeprefix("function "))
    return build_model(recipe, **facts["network"])


def _repeats(told: Mapping[str, Any], folder: Path) -> Repeats:
    import polars as pl

    texts, predictions = [], None
    for each in told["trainings"]:
        with _reading(folder / told["kind"] / f"history-{each['number']}.csv") as file:
            texts.append(file.read_text("utf-8"))
    if (folder / "folds" / "predictions.parquet").exists():
        with _reading(folder / "folds" / "predictions.parquet") as file:
            predictions = pl.read_parquet(file)
    with _reading(folder / "training.json"):
        return Repeats.from_dict(told, texts, predictions)


def _several(network: nn.Module, members: int, recipe: Recipe, facts: Mapping[str, Any]) -> nn.Module:
    from copy import deepcopy

    from goodfit.models.build import build_model
    from goodfit.models.ensemble import Ensemble

    kinds = [network, *(build_model(recipe.replace(model=name), **facts["network"]) for name in recipe.stack)]
    networks = [deepcopy(kind) for kind in kinds for _ in range(members)]
    weights = [1 / len(networks)] * len(networks) if recipe.stack else None  # to be loaded
    return Ensemble(networks, facts["predictions"], weights)


def _loss(recipe: Recipe, facts: Mapping[str, Any]) -> Loss:
    from goodfit.training.losses import LOSSES, Loss, LossFacts, make_loss

    if recipe.loss in LOSSES:
        return make_loss(recipe.loss, options=recipe.loss_options)

    def unknown(outputs: Any, target: Any) -> Any:
        raise InputError("run.own-loss", loss=recipe.loss)

    return Loss(recipe.loss, LossFacts(None, "any", facts["predictions"]), unknown, unknown, unknown)
