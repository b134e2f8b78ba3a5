"""goodfit trains neural networks with PyTorch, says what is wrong with the training, and proves the fix."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from goodfit.finding import Finding as Finding
    from goodfit.observations import History as History
    from goodfit.observations import Observations as Observations
    from goodfit.recipe import Recipe as Recipe

_HOMES = {
    "Finding": "goodfit.finding",
    "History": "goodfit.observations",
    "Observations": "goodfit.observations",
    "Recipe": "goodfit.recipe",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'goodfit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
