"""goodfit trains neural networks with PyTorch, says what is wrong with the training, and proves the fix."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from goodfit.comparing import compare as compare
    from goodfit.comparison import Comparison as Comparison
    from goodfit.data.analysis.analyze import profile as profile
    from goodfit.data.analysis.results import TableAnalysis as TableAnalysis
    from goodfit.diagnosing import diagnose as diagnose
    from goodfit.errors import GoodfitError as GoodfitError
    from goodfit.errors import InputError as InputError
    from goodfit.errors import MachineError as MachineError
    from goodfit.estimators import GoodFitClassifier as GoodFitClassifier
    from goodfit.estimators import GoodFitRegressor as GoodFitRegressor
    from goodfit.evaluation.scores import Evaluation as Evaluation
    from goodfit.finding import Finding as Finding
    from goodfit.improvement.tune import tune as tune
    from goodfit.improvement.tuning import Tuning as Tuning
    from goodfit.loading import load as load
    from goodfit.observations import History as History
    from goodfit.observations import Observations as Observations
    from goodfit.recipe import Recipe as Recipe
    from goodfit.rows_curve import DataCurve as DataCurve
    from goodfit.run import Run as Run
    from goodfit.watcher import Watch as Watch
    from goodfit.watcher import watch as watch
    from goodfit.workflow.more_rows import data_curve as data_curve
    from goodfit.workflow.population import train_population as train_population
    from goodfit.workflow.rate_range import find_learning_rate as find_learning_rate
    from goodfit.workflow.train import train as train

_HOMES = {
    "Comparison": "goodfit.comparison",
    "DataCurve": "goodfit.rows_curve",
    "Evaluation": "goodfit.evaluation.scores",
    "Finding": "goodfit.finding",
    "GoodFitClassifier": "goodfit.estimators",
    "GoodFitRegressor": "goodfit.estimators",
    "GoodfitError": "goodfit.errors",
    "History": "goodfit.observations",
    "InputError": "goodfit.errors",
    "MachineError": "goodfit.errors",
    "Observations": "goodfit.observations",
    "Recipe": "goodfit.recipe",
    "Run": "goodfit.run",
    "Tuning": "goodfit.improvement.tuning",
    "Watch": "goodfit.watcher",
    "TableAnalysis": "goodfit.data.analysis.results",
    "compare": "goodfit.comparing",
    "data_curve": "goodfit.workflow.more_rows",
    "diagnose": "goodfit.diagnosing",
    "find_learning_rate": "goodfit.workflow.rate_range",
    "load": "goodfit.loading",
    "profile": "goodfit.data.analysis.analyze",
    "train": "goodfit.workflow.train",
    "tune": "goodfit.improvement.tune",
    "watch": "goodfit.watcher",
    "train_population": "goodfit.workflow.population",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'goodfit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
