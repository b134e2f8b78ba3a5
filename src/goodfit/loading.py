"""A run folder back to a Run, without executing anything that is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodfit.errors import InputError
from goodfit.finding import Finding
from goodfit.messages import Message
from goodfit.observations import History, Observations
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.saving import FORMAT, is_run, mend

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
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from goodfit.data.facts import TableFacts
    from goodfit.data.preparation import Preparation
    from goodfit.evaluation.baselines import predictor_from_dict
    from goodfit.evaluation.scores import Evaluation
    from goodfit.training.weights import load_weights

    folder = Path(path)
    mend(folder)
    if not folder.is_dir():
        raise InputError("run.missing", path=str(path))
    if not is_run(folder):
        raise InputError("run.not-a-run", path=str(path))
    facts = _read_json(folder / "training.json")
    if facts["format"] > FORMAT:
        raise InputError("run.from-the-future", path=str(path))
    recipe = Recipe.from_file(folder / "recipe.toml")
    table = None
    if (folder / "preparation.json").exists():
        preparation = Preparation.from_json(
            (folder / "preparation.json").read_text("utf-8"), str(folder / "preparation.json")
        )
        table = TableFacts.from_dict(_read_json(folder / "data.json"), preparation)
    history = History.from_csv((folder / "history.csv").read_text("utf-8"), **facts["history"])
    evaluation = _read_json(folder / "evaluation.json")
    network = model if model is not None else _rebuilt(recipe, facts, folder)
    try:
        load_weights(network, load_file(folder / "model.safetensors"))
    except (SafetensorError, OSError, RuntimeError, KeyError) as error:
        raise InputError("run.weights-do-not-fit", path=str(folder), problem=str(error)) from None
    network.eval()
    return Run(
        name=facts["name"],
        recipe=recipe,
        history=history,
        findings=tuple(Finding.from_dict(item) for item in _read_json(folder / "findings.json")["findings"]),
        model=network,
        loss=_loss(recipe, facts),
        observations=Observations(history=history, recipe=recipe, **facts["observations"]),
        network=facts["network"],
        evaluation=None if evaluation is None else Evaluation.from_dict(evaluation),
        table=table,
        baselines={
            name: predictor_from_dict(item) for name, item in _read_json(folder / "baselines.json").items()
        },
        environment=_read_json(folder / "environment.json"),
        notes=tuple(Message.from_dict(note) for note in facts["notes"]),
        folder=folder,
    )


def _rebuilt(recipe: Recipe, facts: Mapping[str, Any], folder: Path) -> nn.Module:
    from goodfit.models.build import MODELS, build_model

    if recipe.model not in MODELS or facts["network"] is None:
        raise InputError("run.needs-model", path=str(folder), model=recipe.model)
    return build_model(recipe, **facts["network"])


def _loss(recipe: Recipe, facts: Mapping[str, Any]) -> Loss:
    from goodfit.training.losses import LOSSES, Loss, LossFacts, make_loss

    if recipe.loss in LOSSES:
        return make_loss(recipe.loss, options=recipe.loss_options)

    def unknown(outputs: Any, target: Any) -> Any:
        raise InputError("run.own-loss", loss=recipe.loss)

    return Loss(recipe.loss, LossFacts(None, "any", facts["predictions"]), unknown, unknown, unknown)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("run.damaged", path=str(path), problem=str(error)) from None
