"""Trial: one recipe that was tried, and how it went; many of them as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from goodfit.improvement.space import label
from goodfit.messages import Message
from goodfit.recipe import Recipe

__all__ = ["State", "Trial", "best_first", "curve_columns", "trial_columns"]

State = Literal["finished", "dropped", "cut", "failed"]
"""Trained to its own end; dropped early for better ones; cut by the time or by Ctrl-C; could not train."""


@dataclass(frozen=True)
class Trial:
    """One recipe that was tried.

    Parameters
    ----------
    number
        In the order in which they ended, from 0, over all processes that share a storage.
    values
        What was searched, by name.
    recipe
        The whole recipe.
    state
        How it ended.
    value
        The best monitored value; NaN where there is none.
    epochs, best_epoch
        How long it trained, and where the best value was.
    found
        Seconds from the search's begin to that value.
    curve
        ``epoch``, the monitored value, ``train_loss`` where it was measured, and ``seconds`` of the
        search; from a storage it is thinned where it is long.
    reason
        Why it failed.
    """

    number: int
    values: Mapping[str, Any]
    recipe: Recipe
    state: State
    value: float = math.nan
    epochs: float = 0.0
    best_epoch: float = math.nan
    found: float = math.nan
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    reason: Message | None = None


def best_first(trials: Sequence[Trial], *, higher: bool) -> list[Trial]:
    """Return the trials that have a value, the best first; of recipes that differ in seed alone, one."""
    known = [trial for trial in trials if math.isfinite(trial.value)]
    ordered = sorted(known, key=lambda trial: (-trial.value if higher else trial.value, trial.number))
    different: dict[str, Trial] = {}
    for trial in ordered:
        different.setdefault(repr(dict(trial.values)), trial)
    return list(different.values())


def trial_columns(trials: Sequence[Trial], monitor: str) -> dict[str, list[Any]]:
    """Return the columns of a table with a row for each trial; choices that are no numbers as texts."""
    found: dict[str, list[Any]] = {
        "trial": [trial.number for trial in trials],
        "state": [trial.state for trial in trials],
        monitor: [trial.value for trial in trials],
        "epochs": [trial.epochs for trial in trials],
        "best_epoch": [trial.best_epoch for trial in trials],
        "found_after": [trial.found for trial in trials],
    }
    for name in dict.fromkeys(name for trial in trials for name in trial.values):
        values = [trial.values.get(name) for trial in trials]
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        found[name] = values if numbers else [label(value) for value in values]
    found["reason"] = [None if trial.reason is None else trial.reason.text() for trial in trials]
    return found


def curve_columns(trials: Sequence[Trial]) -> dict[str, list[float]]:
    """Return the curves of all trials as the columns of one table: a row for each trial and epoch."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.curve))
    found: dict[str, list[float]] = {"trial": [], **{name: [] for name in names}}
    for trial in trials:
        rows = max((len(values) for values in trial.curve.values()), default=0)
        found["trial"] += [trial.number] * rows
        for name in names:
            found[name] += list(trial.curve.get(name, (math.nan,) * rows))
    return found
