"""Validation that worsens while training improves."""

from __future__ import annotations

from goodfit.diagnosis.curves import Curve, curve_of
from goodfit.diagnosis.judgement import likely, severity
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

EXPLAINS = {"overfitting": ("converged-early", "loss-metric-disagreement")}
HARM = 0.05
WORTH_SAYING = 0.01


def find(observations: Observations) -> list[Finding]:
    """Find a run that an earlier end would have served: its validation loss has risen from its lowest.

    Whether that is likely is judged from both curves, since a validation loss of few rows may hide it.
    """
    history = observations.history
    valid = curve_of(history, "valid_loss")
    if valid is None or len(valid) < 4:
        return []
    train = curve_of(history, "train_loss") or curve_of(history, "running_loss")
    lowest = valid.lowest_at
    change = _change(train, float(valid.epochs[lowest]))
    gain = (valid.last - valid.lowest) / valid.unit
    chance = likely(observations, "overfitting")
    if chance is None or _rose(train, change):
        return []
    restored = _restored(history, valid)
    hidden = gain <= WORTH_SAYING
    evidence = {
        "best_epoch": float(valid.epochs[lowest]),
        "lowest": valid.lowest,
        "last": valid.last,
        "cost": (valid.last - valid.lowest) / (abs(valid.lowest) or valid.unit),
        "gain": gain,
        "train_change": change if change is not None else 0.0,
        "train": train.last if train is not None else valid.last,
    }
    variant = "hidden" if hidden else "restored" if restored else None if train is not None else "no-train"
    return [
        Finding(
            "overfitting",
            "info" if restored else severity(chance, gain),
            chance,
            float(valid.epochs[min(lowest + 1, len(valid) - 1)]),
            evidence,
            (Cause("too-little-data", 0.5), Cause("network-too-large", 0.3), Cause("label-noise", 0.1)),
            remedies=_remedies(observations.recipe, evidence["best_epoch"], restored),
            variant=variant,
        )
    ]


def _rose(train: Curve | None, change: float | None) -> bool:
    """Say whether the training loss, too, has risen since: that is no overfitting."""
    return train is not None and change is not None and change > max(HARM, 2 * train.noise / train.unit)


def _change(train: Curve | None, since: float) -> float | None:
    """Return the training loss's relative change since an epoch."""
    if train is None or len(train) < 2:
        return None
    before = train.at(since)
    return (train.last - before) / (abs(before) or train.unit)


def _restored(history: History, valid: Curve) -> bool:
    """Say whether the weights that are kept are as good as the lowest validation loss, but for noise."""
    if history.best_epoch is None:
        return False
    return valid.at(history.best_epoch) - valid.lowest < max(HARM * valid.unit, 2 * valid.noise)


def _remedies(recipe: Recipe | None, best_epoch: float, restored: bool) -> tuple[Remedy, ...]:
    milder = (more_weight_decay(recipe), more_dropout(recipe), smaller_network(recipe))
    if restored:
        return (*milder, without_fields("more-data"))
    patient = recipe is not None and recipe.patience is not None
    stop = train_for(recipe, best_epoch, "fewer-epochs") if patient else stop_early(recipe)
    return (stop, *milder, without_fields("more-data"))
