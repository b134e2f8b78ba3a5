"""A Recipe to a network: the named ones."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from goodfit.choice import unknown_name
from goodfit.models.mlp import MLP
from goodfit.models.resnet import ResNet
from goodfit.recipe import Recipe

__all__ = ["MODELS", "build_model"]

MODELS = ("mlp", "linear", "resnet", "tabm")


def build_model(
    recipe: Recipe,
    *,
    inputs: int,
    levels: Sequence[int] = (),
    outputs: int,
    bins: Sequence[Sequence[float]] | None = None,
    predictions: str = "identity",
) -> nn.Module:
    """Return the network that ``recipe.model`` names, its weights not yet drawn.

    Parameters
    ----------
    inputs
        Number of numeric columns.
    levels
        Levels of each category column.
    outputs
        Output units.
    bins
        For tabm, the edges of each numeric column's bins; None: no piecewise-linear embeddings.
    predictions
        For tabm, what turns outputs into predictions: ``softmax``, ``sigmoid``, ``exp`` or ``identity``.

    Raises
    ------
    InputError
        No network of that name, or the recipe's fields do not make one.
    """
    if recipe.model not in MODELS:
        raise unknown_name(recipe.model, MODELS, "model")
    if recipe.model == "tabm":
        from goodfit.models.tabm import TabM

        return TabM(
            [()] * inputs if bins is None else bins,
            levels,
            recipe.hidden,
            outputs,
            members=recipe.members,
            predictions=predictions,
            activation=recipe.activation,
            dropout=recipe.dropout,
        )
    if recipe.model == "resnet":
        return ResNet(
            inputs,
            levels,
            recipe.hidden,
            outputs,
            activation=recipe.activation,
            dropout=recipe.dropout,
            normalization=recipe.normalization,
        )
    return MLP(
        inputs,
        levels,
        recipe.hidden if recipe.model == "mlp" else (),
        outputs,
        activation=recipe.activation,
        dropout=recipe.dropout,
        normalization=recipe.normalization,
    )
