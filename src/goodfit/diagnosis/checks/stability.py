"""Training that does not hold its course: losses that grow and do not return."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.curves import Curve, curve_of
from goodfit.diagnosis.remedies import lower_rate, without_fields
from goodfit.finding import Cause, Finding, Remedy
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {
    "diverging": (
        "not-learning",
        "overfitting",
        "underfitting",
        "not-converged",
        "converged-early",
        "learning-rate-too-high",
        "loss-spikes",
        "oscillating",
        "noisy-validation",
    )
}
LOST_SHARE = 0.5
GROWTH = 0.2


def find(observations: Observations) -> list[Finding]:
    """Find a training loss that has lost half of its gain, or outgrown its start, and stays so."""
    history = observations.history
    curve = curve_of(history, "running_loss") or curve_of(history, "train_loss")
    told = history.ended_by == "diverging"
    if curve is None and told:
        curve = curve_of(history, "valid_loss")
    if curve is None or len(curve) < 3:
        return []
    lowest = int(curve.values.argmin())
    bottom = float(curve.values[lowest])
    end = float(np.median(curve.values[-3:])) if len(curve) > 4 else curve.values[-1]
    gained = curve.first - bottom
    rise = end - bottom
    enough = max(
        LOST_SHARE * gained, GROWTH * max(abs(bottom), abs(curve.first) if gained <= 0 else abs(bottom))
    )
    if not told and (rise <= enough or rise <= 4 * _calm_noise(curve, lowest)):
        return []
    recipe = observations.recipe
    remedies: tuple[Remedy, ...] = (lower_rate(recipe),)
    remedies += (
        Remedy("clip-gradients", {"gradient_clip": 1.0} if recipe and recipe.gradient_clip is None else {}),
    )
    return [
        Finding(
            "diverging",
            "error",
            0.98 if told else float(np.clip(0.6 + 0.2 * np.log2(max(rise / enough, 1.0)), 0.6, 0.97)),
            float(curve.epochs[min(lowest + 1, len(curve) - 1)]),
            {"lowest": bottom, "last": float(end), "lowest_epoch": float(curve.epochs[lowest])},
            (Cause("learning-rate-too-high", 0.8), Cause("unscaled-inputs", 0.1)),
            remedies=(*remedies, without_fields("check-inputs")),
        )
    ]


def _calm_noise(curve: Curve, until: int) -> float:
    """Return the noise of the curve before it began to rise."""
    calm = np.diff(curve.values[: max(until + 1, 4)])
    return float(1.4826 * np.median(np.abs(calm - np.median(calm))))
