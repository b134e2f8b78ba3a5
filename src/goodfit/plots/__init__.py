"""Figures of a History, findings and an Evaluation, found when first asked for."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "calibration": "classification",
    "confusion_matrix": "classification",
    "learning_curves": "curves",
    "metric_curves": "curves",
    "predicted_actual": "regression",
    "residuals": "regression",
    "roc_curve": "classification",
    "scores_beside_baselines": "scores",
    "to_svg": "svg",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
