"""What each named network is trained by where the user does not say: chosen by ``benchmarks/quality``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["TABLE_DEFAULTS", "table_defaults"]

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
        "dropout": 0.1,
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 3e-4,
        "epochs": 200,
        "patience": 16,
    },
}
"""Recipe fields by network; what the user has said stays."""


def table_defaults(model: str) -> dict[str, Any]:
    """Return the recipe fields by which ``model`` is trained; none for a network without its own.

    >>> table_defaults("resnet")["normalization"]
    'batch'
    """
    return dict(TABLE_DEFAULTS.get(model, {}))
