"""What the searchers share: what is asked for, the clock, and how they report."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(sys.argv[1])
ASKED: dict[str, Any] = json.loads((FOLDER / "asked.json").read_text())


class OutOfTime(BaseException):
    """The budget is spent; no library takes it for a trial that failed."""


class Clock:
    """Counts the seconds of a search and keeps each better loss."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.course: list[tuple[float, float]] = []
        self.trials = 0

    def tell(self, loss: float) -> None:
        """Take in a validation loss; end the search where its time is up."""
        now = time.perf_counter() - self.begun
        if math.isfinite(loss) and now <= ASKED["budget"]:
            best = self.course[-1][1] if self.course else math.inf
            if loss < best:
                self.course.append((now, float(loss)))
        if now >= ASKED["budget"]:
            raise OutOfTime

    def report(self) -> None:
        """Print what came of it, as the last line."""
        print(json.dumps({"course": self.course, "trials": self.trials}), flush=True)


def arrays() -> tuple[Any, Any, Any, Any]:
    """Return training inputs and target, validation inputs and target."""
    rows = np.load(FOLDER / "rows.npz")
    return rows["x"], rows["y"], rows["valid_x"], rows["valid_y"]


def suggest(trial: Any) -> dict[str, Any]:
    """Return a point of the space from an Optuna trial."""
    low, high, step = ASKED["dropout"]
    return {
        "learning_rate": trial.suggest_float("learning_rate", *ASKED["learning_rate"], log=True),
        "weight_decay": trial.suggest_float("weight_decay", *ASKED["weight_decay"], log=True),
        "hidden": [int(units) for units in trial.suggest_categorical("hidden", ASKED["hidden"]).split(",")],
        "dropout": trial.suggest_float("dropout", low, high, step=step),
        "schedule": trial.suggest_categorical("schedule", ASKED["schedule"]),
    }


def study() -> Any:
    """Return an Optuna study as its users would make it for trainings of many epochs.

    Processes that are told their number share one.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    number = int(sys.argv[2]) if len(sys.argv) > 2 else None
    seed = ASKED["seed"] + 1000 * (number or 0)
    shared = number is not None
    return optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=shared),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=3, reduction_factor=3),
        storage=JournalStorage(JournalFileBackend(str(FOLDER / "study.journal"))) if shared else None,
        study_name="shared" if shared else None,
        load_if_exists=shared,
    )
