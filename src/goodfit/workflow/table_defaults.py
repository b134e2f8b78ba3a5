"""Which network "auto" is, and what each is trained by where nothing is said: see ``benchmarks/quality``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goodfit.data.batches import first_tensor
from goodfit.recipe import Recipe
from goodfit.workflow.bagging import can_bag
from goodfit.workflow.parts import Parts, rows_of

__all__ = [
    "LEAVES_OPEN",
    "TABLE_DEFAULTS",
    "auto_model",
    "bagged",
    "is_open",
    "leaves_all_open",
    "table_defaults",
]

TABLE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "resnet": {
        "hidden": (128, 128),
        "dropout": 0.2,
        "normalization": "batch",
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 1e-3,
        "epochs": 200,
    },
    "tabm": {
        "hidden": (128, 128),
        "members": 8,
        "dropout": 0.1,
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 3e-4,
        "epochs": 200,
        "patience": 16,
    },
}
"""Recipe fields by network; what the user has said stays."""

LEAVES_OPEN = frozenset(
    {
        *("model", "metrics", "calibrate", "threshold", "time_budget", "device", "seed"),
        *("valid_fraction", "test_fraction", "split_seed", "bag", "stack"),
    }
)
"""Recipe fields that say nothing of the network or its training: who says no other leaves both to us."""
EPOCHS = 40
"""Epochs that a network should be able to train for in the time there is."""
SECONDS = 60.0
"""The time that a training may take where no budget is given."""
BAGGED: Mapping[str, Any] = {"bag": 5, "members": 4, "stack": ("mlp",)}
AROUND = 5.0
"""Seconds of a time budget that what lies around a training takes, about; at most half of it."""
FEWEST_ROWS = 30
MULTIPLICATIONS = 1e10
"""Multiplications that a core surely does in a second, in networks of this kind."""


def table_defaults(model: str) -> dict[str, Any]:
    """Return the recipe fields by which ``model`` is trained; none for a network without its own.

    >>> table_defaults("resnet")["normalization"]
    'batch'
    """
    return dict(TABLE_DEFAULTS.get(model, {}))


def is_open(recipe: Recipe) -> bool:
    """Say whether the recipe leaves the network and its training to us.

    >>> is_open(Recipe(seed=3)), is_open(Recipe(hidden=(8,)))
    (True, False)
    """
    return recipe.model == "auto" and not recipe.model_fields_set - LEAVES_OPEN


def leaves_all_open(asked: Recipe, functions: Mapping[str, Any], model: Any) -> bool:
    """Say whether nothing is said of the network, its training or how many there are, by whatever way."""
    said = functions or model is not None or {"bag", "stack"} & asked.model_fields_set
    return is_open(asked) and not said


def auto_model(recipe: Recipe, parts: Parts) -> str:
    """Return the network that ``model="auto"`` means for the data at hand.

    On a table, with nothing said of the network or its training, that is tabm where 40 epochs of it fit in
    a minute of a core, and in what the recipe's ``time_budget`` leaves for training. Otherwise it is the
    multilayer perceptron, whose fields the recipe's are.
    """
    if parts.table is None or not is_open(recipe):
        return "mlp"
    seconds = EPOCHS * _epoch_seconds(parts, TABLE_DEFAULTS["tabm"]["members"])
    return "tabm" if seconds <= _seconds(recipe) else "mlp"


def bagged(recipe: Recipe, parts: Parts) -> Recipe:
    """Return the recipe as one of several networks that are averaged, where there is time for that.

    40 epochs of each of the first kind are to fit in a minute of a core, and in what the recipe's
    ``time_budget`` leaves for training. Five, so that each leaves out about a fifth of the rows, with half
    the members each, and as many multilayer perceptrons beside them: see ``benchmarks/quality``.

    Parameters
    ----------
    recipe
        With every ``"auto"`` decided.
    """
    if recipe.model != "tabm" or not can_bag(parts) or (rows_of(parts.train) or 0) < FEWEST_ROWS:
        return recipe
    seconds = BAGGED["bag"] * EPOCHS * _epoch_seconds(parts, BAGGED["members"])
    return recipe.replace(**BAGGED) if seconds <= _seconds(recipe) else recipe


def _seconds(recipe: Recipe) -> float:
    """Return how long a training may take: a budget is also for the reading before it and the report."""
    budget = recipe.time_budget
    return SECONDS if budget is None else min(SECONDS, max(budget - AROUND, budget / 2))


def _epoch_seconds(parts: Parts, members: int) -> float:
    """Return about how long an epoch of tabm takes: three passes through every member's layers."""
    assert parts.table is not None
    from goodfit.models.tabm import CATEGORY_WIDTH, NUMBER_WIDTH, ONE_HOT_LEVELS

    defaults = TABLE_DEFAULTS["tabm"]
    first, *others = defaults["hidden"]
    levels = parts.table.preparation.levels
    width = NUMBER_WIDTH * first_tensor(parts.train.content[0]).shape[1]
    width += sum(count if count <= ONE_HOT_LEVELS else CATEGORY_WIDTH for count in levels)
    weights = width * first + first * sum(others)
    return float(3.0 * members * weights * (rows_of(parts.train) or 0) / MULTIPLICATIONS)
