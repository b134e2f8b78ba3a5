"""What to do about a finding, as changes of the recipe that was trained by."""

from __future__ import annotations

from typing import Any

from goodfit.finding import Remedy
from goodfit.recipe import Recipe

__all__ = [
    "larger_network",
    "lower_rate",
    "more_dropout",
    "more_weight_decay",
    "raise_rate",
    "smaller_network",
    "stop_early",
    "train_for",
    "without_fields",
]


def _remedy(code: str, recipe: Recipe | None, **changes: Any) -> Remedy:
    return Remedy(code, changes if recipe is not None else {})


def train_for(recipe: Recipe | None, epochs: float, code: str = "train-longer") -> Remedy:
    """Return the remedy of training for ``epochs`` epochs in all."""
    return _remedy(code, recipe, epochs=max(1, round(epochs)))


def lower_rate(recipe: Recipe | None, by: float = 10.0) -> Remedy:
    """Return the remedy of dividing the learning rate by ``by``."""
    return Remedy("lower-learning-rate", {"learning_rate": recipe.learning_rate / by} if recipe else {})


def raise_rate(recipe: Recipe | None, by: float = 10.0) -> Remedy:
    """Return the remedy of multiplying the learning rate by ``by``."""
    return Remedy("raise-learning-rate", {"learning_rate": recipe.learning_rate * by} if recipe else {})


def stop_early(recipe: Recipe | None) -> Remedy:
    """Return the remedy of early stopping, which keeps the weights of the best epoch."""
    return _remedy("stop-early", recipe, patience=20)


def more_weight_decay(recipe: Recipe | None) -> Remedy:
    """Return the remedy of ten times the weight decay, or 0.01 where there was none."""
    return Remedy("weight-decay", {"weight_decay": recipe.weight_decay * 10 or 0.01} if recipe else {})


def more_dropout(recipe: Recipe | None) -> Remedy:
    """Return the remedy of more dropout."""
    return Remedy("dropout", {"dropout": min(0.5, recipe.dropout + 0.25)} if recipe else {})


def smaller_network(recipe: Recipe | None) -> Remedy:
    """Return the remedy of layers a quarter as wide."""
    return Remedy(
        "smaller-network", {"hidden": [max(4, width // 4) for width in recipe.hidden]} if recipe else {}
    )


def larger_network(recipe: Recipe | None) -> Remedy:
    """Return the remedy of layers four times as wide."""
    return Remedy("larger-network", {"hidden": [4 * width for width in recipe.hidden]} if recipe else {})


def without_fields(code: str) -> Remedy:
    """Return a remedy that no field of the recipe serves."""
    return Remedy(code)
