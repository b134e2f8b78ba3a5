"""Weights of an earlier run to begin a new training with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from goodfit.data.preparation import Preparation
from goodfit.errors import InputError
from goodfit.models.ensemble import Ensemble
from goodfit.recipe import Recipe
from goodfit.run import Run
from goodfit.saving import mend
from goodfit.training.weights import copy_weights
from goodfit.workflow.parts import Parts

__all__ = ["NETWORK", "Start", "start_from"]

NETWORK = ("model", "hidden", "members", "activation", "normalization")
"""Recipe fields by which a network is built; a new training begins with those of the run."""


@dataclass(frozen=True, eq=False)
class Start:
    """What a new training takes over from a run: its weights, and what they mean.

    Parameters
    ----------
    name
        The run, for messages.
    weights
        Parameters and buffers by name.
    recipe
        What the run was trained by; None where only the weights are known.
    preparation
        How the run's table was prepared; None for a network of one's own.
    """

    name: str
    weights: Mapping[str, Tensor]
    recipe: Recipe | None = None
    preparation: Preparation | None = None

    def network(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the recipe fields of the run's network that are not given otherwise."""
        if self.recipe is None or self.recipe.model.startswith("function "):
            return {}
        return {name: getattr(self.recipe, name) for name in NETWORK if name not in given}

    def check_columns(self, parts: Parts) -> None:
        """Refuse tables with other columns: each weight would meet another input than it was trained on.

        Raises
        ------
        InputError
            The inputs differ.
        """
        if self.preparation is None or parts.table is None:
            return
        before, now = self.preparation, parts.table.preparation
        if _inputs(before) != _inputs(now):
            raise InputError("training.other-columns", run=self.name, columns=_inputs(before))


def start_from(source: Run | str | Path) -> Start:
    """Return what is taken over from a run: a Run, its folder, or a file of weights in safetensors.

    Raises
    ------
    InputError
        There are no weights, or they are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if isinstance(source, Run):
        if isinstance(source.model, Ensemble):
            raise InputError("population.start-from-ensemble", name=source.name)
        preparation = None if source.table is None else source.table.preparation
        return Start(source.name, copy_weights(source.model), source.recipe, preparation)
    place = Path(source)
    if place.is_dir():
        mend(place)
    file = place / "model.safetensors" if place.is_dir() else place
    try:
        weights = load_file(file)
    except (OSError, SafetensorError):
        raise InputError("training.no-weights", path=str(source)) from None
    if _is_ensemble(place / "training.json"):
        raise InputError("population.start-from-ensemble", name=str(source))
    recipe = place / "recipe.toml"
    prepared = place / "preparation.json"
    return Start(
        str(source),
        weights,
        Recipe.from_file(recipe) if recipe.is_file() else None,
        Preparation.from_json(prepared.read_bytes(), str(prepared)) if prepared.is_file() else None,
    )


def _is_ensemble(facts: Path) -> bool:
    try:
        repeats = json.loads(facts.read_text("utf-8")).get("repeats")
    except (OSError, ValueError, AttributeError):
        return False
    return repeats is not None and bool(repeats["ensemble"])


def _inputs(preparation: Preparation) -> list[str]:
    return [*preparation.number_names, *preparation.category_names]
