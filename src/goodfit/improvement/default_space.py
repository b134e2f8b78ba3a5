"""The space that is searched when nobody says which: by the network, the rows, and what was fixed."""

from __future__ import annotations

from collections.abc import Collection

from goodfit.improvement.space import Choices, Dimension, Range, Space
from goodfit.recipe import Recipe

__all__ = ["default_space"]

SHAPES: tuple[tuple[int, tuple[tuple[int, ...], ...]], ...] = (
    (500, ((8,), (16,), (32,), (64,), (32, 32))),
    (5000, ((16,), (32,), (64,), (64, 64), (128, 128))),
    (10**18, ((32,), (64, 64), (128, 128), (256, 256), (128, 128, 128))),
)
"""Up to how many training rows, and the hidden layers that are tried; each of one width, which suits every
named network."""


def default_space(base: Recipe, rows: int, fixed: Collection[str] = ()) -> Space:
    """Return what is worth trying on so many training rows.

    The learning rate and its schedule; decoupled weight decay (AdamW); for named networks with hidden layers
    those layers and dropout; the start of a multilayer perceptron, as torch's smaller one often ends a little
    lower on small tables and neither is always better. What of it is in ``fixed`` stays as in ``base``.

    Examples
    --------
    >>> list(default_space(Recipe(model="mlp"), 1000, fixed=["hidden"]).dimensions)
    ['learning_rate', 'weight_decay', 'dropout', 'schedule', 'initialization']
    >>> list(default_space(Recipe(model="linear"), 1000).dimensions)
    ['learning_rate', 'weight_decay', 'schedule']
    """
    shapes = next(shapes for most, shapes in SHAPES if rows <= most)
    dimensions: dict[str, Dimension] = {
        "learning_rate": Range(3e-4, 0.03, log=True),
        "weight_decay": Range(1e-6, 0.3, log=True),
        "hidden": Choices(shapes),
        "dropout": Range(0.0, 0.5, step=0.1),
        "schedule": Choices(("constant", "cosine")),
        "initialization": Choices(("auto", "default")),
    }
    if base.model != "mlp":
        del dimensions["initialization"]
    if base.model == "linear" or base.model.startswith("function "):
        del dimensions["hidden"], dimensions["dropout"]
    if "optimizer" not in fixed:
        base = base.replace(optimizer="adamw")
    return Space.checked(base, {name: item for name, item in dimensions.items() if name not in fixed})
