"""Validation that worsens while training improves."""

from __future__ import annotations

import math

from goodfit.diagnosis.curves import Curve, curve_of
from goodfit.diagnosis.remedies import (
    more_dropout,
    more_weight_decay,
    smaller_network,
    stop_early,
    train_for,
    without_fields,
)
from goodfit.finding import Cause, Finding, Remedy
from goodfit.observations import History, Observations
from goodfit.recipe import Recipe

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {"overfitting": ("converged-early", "loss-metric-disagreement", "validation-too-good")}
HARM = 0.05
WORTH_SAYING = 0.01


def find(observations: Observations) -> list[Finding]:
    """Find a validation loss that has risen from its lowest while the training loss went on falling."""
    history = observations.history
    valid = curve_of(history, "valid_loss")
    if valid is None or len(valid) < 4:
        return []
    lowest = valid.lowest_at
    gain = (valid.last - valid.lowest) / valid.unit
    doubt = valid.noise / valid.unit
    if gain <= max(WORTH_SAYING, 2 * doubt):
        return []
    train = curve_of(history, "train_loss") or curve_of(history, "running_loss")
    change = _change(train, float(valid.epochs[lowest]))
    if change is not None and change > max(WORTH_SAYING, train.noise / train.unit if train else 0.0):
        return []
    restored = _restored(history, valid)
    harmful = gain > HARM and not restored
    sure = 0.5 * (1 + math.erf((gain - 0.03) / (0.02 + doubt)))
    evidence = {
        "best_epoch": float(valid.epochs[lowest]),
        "lowest": valid.lowest,
        "last": valid.last,
        "cost": (valid.last - valid.lowest) / (abs(valid.lowest) or valid.unit),
        "gain": gain,
        "train_change": change if change is not None else 0.0,
    }
    variant = "restored" if restored else None if change is not None else "no-train"
    return [
        Finding(
            "overfitting",
            "warning" if harmful else "info",
            sure * (1.0 if change is not None else 0.7),
            float(valid.epochs[min(lowest + 1, len(valid) - 1)]),
            evidence,
            (Cause("too-little-data", 0.5), Cause("network-too-large", 0.3), Cause("too-many-epochs", 0.2)),
            remedies=_remedies(observations.recipe, evidence["best_epoch"], restored),
            variant=variant,
        )
    ]


def _change(train: Curve | None, since: float) -> float | None:
    """Return the training loss's relative change since an epoch."""
    if train is None or len(train) < 2:
        return None
    before = train.at(since)
    return (train.last - before) / (abs(before) or train.unit)


def _restored(history: History, valid: Curve) -> bool:
    """Say whether the weights that are kept are about as good as the lowest validation loss."""
    if history.best_epoch is None:
        return False
    return (valid.at(history.best_epoch) - valid.lowest) / valid.unit < HARM


def _remedies(recipe: Recipe | None, best_epoch: float, restored: bool) -> tuple[Remedy, ...]:
    milder = (more_weight_decay(recipe), more_dropout(recipe), smaller_network(recipe))
    if restored:
        return (*milder, without_fields("more-data"))
    stop = (
        stop_early(recipe)
        if recipe is None or recipe.patience is None
        else train_for(recipe, best_epoch, "fewer-epochs")
    )
    return (stop, *milder, without_fields("more-data"))
