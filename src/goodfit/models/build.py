"""A Recipe to a network: the named ones."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from goodfit.choice import unknown_name
from goodfit.models.mlp import MLP
from goodfit.recipe import Recipe

__all__ = ["MODELS", "build_model"]

MODELS = ("mlp", "linear")


def build_model(recipe: Recipe, *, inputs: int, levels: Sequence[int] = (), outputs: int) -> nn.Module:
    """Return the network that ``recipe.model`` names, its weights not yet drawn.

    Parameters
    ----------
    inputs
        Number of numeric columns.
    levels
        Levels of each category column.
    outputs
        Output units.

    Raises
    ------
    InputError
        No network of that name.
    """
    if recipe.model not in MODELS:
        raise unknown_name(recipe.model, MODELS, "model")
    return MLP(
        inputs,
        levels,
        recipe.hidden if recipe.model == "mlp" else (),
        outputs,
        activation=recipe.activation,
        dropout=recipe.dropout,
        normalization=recipe.normalization,
    )
