"""Training that does not hold its course: losses that grow and do not return, jump, or swing."""

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
SPIKE_SIZE = 8.0
SPIKE_SHARE = 0.5
SWING = 0.1
TURNS = 0.4


def find(observations: Observations) -> list[Finding]:
    """Find a training loss that diverges; or else one that spikes or oscillates."""
    history = observations.history
    curve = curve_of(history, "running_loss") or curve_of(history, "train_loss")
    if curve is None and history.ended_by == "diverging":
        curve = curve_of(history, "valid_loss")
    if curve is None or len(curve) < 3:
        return []
    return _diverging(observations, curve) or _spikes(curve) + _oscillating(observations, curve)


def _diverging(observations: Observations, curve: Curve) -> list[Finding]:
    """Find a training loss that has lost half of its gain, or outgrown its start, and stays so."""
    told = observations.history.ended_by == "diverging"
    lowest = int(curve.values.argmin())
    bottom = float(curve.values[lowest])
    end = float(np.median(curve.values[-3:])) if len(curve) > 4 else float(curve.values[-1])
    gained = curve.first - bottom
    rise = end - bottom
    enough = max(LOST_SHARE * gained, GROWTH * abs(bottom))
    if not told and (rise <= enough or rise <= 4 * _calm_noise(curve, lowest)):
        return []
    recipe = observations.recipe
    clip = {"gradient_clip": 1.0} if recipe is not None and recipe.gradient_clip is None else {}
    size = rise / enough if enough > 0 else 2.0
    return [
        Finding(
            "diverging",
            "error",
            0.98 if told else float(np.clip(0.6 + 0.2 * np.log2(max(size, 1.0)), 0.6, 0.97)),
            float(curve.epochs[min(lowest + 1, len(curve) - 1)]),
            {"lowest": bottom, "last": end, "lowest_epoch": float(curve.epochs[lowest])},
            (Cause("learning-rate-too-high", 0.8), Cause("unscaled-inputs", 0.1)),
            remedies=(lower_rate(recipe), Remedy("clip-gradients", clip), without_fields("check-inputs")),
        )
    ]


def _calm_noise(curve: Curve, until: int) -> float:
    """Return the noise of the curve before it began to rise."""
    calm = np.diff(curve.values[: max(until + 1, 4)])
    return float(1.4826 * np.median(np.abs(calm - np.median(calm))))


def _spikes(curve: Curve) -> list[Finding]:
    """Find isolated jumps of the training loss that it recovered from."""
    values = curve.values
    if len(values) < 8:
        return []
    padded = np.pad(values, 3, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    spread = 1.4826 * np.median(np.abs(values - around)[1:])
    jumps = (values > around + SPIKE_SIZE * spread) & (values > around + SPIKE_SHARE * np.abs(around))
    jumps[:2] = jumps[-1] = False
    rows = np.flatnonzero(jumps)
    if not len(rows) or len(rows) > len(values) / 8:
        return []
    largest = int(rows[np.argmax(values[rows] - around[rows])])
    evidence = {
        "count": len(rows),
        "largest": float(values[largest]),
        "around": float(around[largest]),
        "largest_epoch": float(curve.epochs[largest]),
    }
    remedies = (Remedy("clip-gradients"), without_fields("check-batches"))
    return [Finding("loss-spikes", "info", 0.8, float(curve.epochs[rows[0]]), evidence, remedies=remedies)]


def _oscillating(observations: Observations, curve: Curve) -> list[Finding]:
    """Find swings of the training loss that stay as large as they were while the loss is level."""
    if len(curve) < 12:
        return []
    steps = np.diff(curve.values) / curve.unit
    half = len(steps) // 2
    early, late = steps[half // 2 : half], steps[half:]
    size = float(np.median(np.abs(late)))
    turns = float(np.mean(np.sign(late[1:]) != np.sign(late[:-1])))
    shrunk = size < 0.7 * float(np.median(np.abs(early)))
    if size < SWING or turns < TURNS or shrunk:
        return []
    evidence = {"swing": size, "turns": turns}
    remedies = (lower_rate(observations.recipe), without_fields("average-weights"))
    start = float(curve.epochs[half])
    return [Finding("oscillating", "info", 0.7, start, evidence, remedies=remedies)]
