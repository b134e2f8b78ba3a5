"""Gradients that vanish or explode on their way through the layers, or are never cleared."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.harm import alarm
from goodfit.diagnosis.layers import later, relative_gradients, weight_layers
from goodfit.diagnosis.remedies import without_fields
from goodfit.diagnosis.symptoms import OF_CURVES
from goodfit.finding import Cause, Finding, Remedy
from goodfit.messages import Message
from goodfit.observations import Observations
from goodfit.vitals import Vitals

__all__ = ["EXPLAINS", "cannot_tell", "find"]

EXPLAINS = {
    "vanishing-gradients": (*OF_CURVES, "label-noise"),
    "exploding-gradients": (*OF_CURVES, "saturated-units", "dead-units", "label-noise"),
    "gradients-accumulate": (*OF_CURVES, "exploding-gradients", "dead-units", "saturated-units"),
}
VANISHED = 1e-3
EXPLODED = 1e3
KEPT_SHARE = 0.5


def find(observations: Observations) -> list[Finding]:
    """Find gradients that shrink or grow a thousandfold across depth at a cost, or that add up."""
    vitals = observations.vitals
    if vitals is None or not len(vitals):
        return []
    layers = weight_layers(vitals)
    return (
        _kept(observations, vitals)
        + _exploding(observations, vitals, layers)
        + _vanishing(observations, vitals, layers)
    )


def cannot_tell(observations: Observations) -> list[Message]:
    """Return why the layers cannot be judged, if they cannot."""
    return [] if observations.vitals is not None else [Message("findings.missing.vitals")]


def _vanishing(observations: Observations, vitals: Vitals, layers: list[int]) -> list[Finding]:
    rows = vitals.epochs > 0
    if not rows.any() or len(layers) < 3:
        return []
    shares = relative_gradients(vitals, rows)[layers]
    last = shares[-1]
    moved = [(share, column) for share, column in zip(shares[:-1], layers, strict=False) if share > 0]
    if not moved or not last > 0:
        return []
    least, column = min(moved)
    ratio = least / last
    severity = alarm(observations)
    if ratio > VANISHED or severity == "info":
        return []
    depth = len(layers)
    evidence = {"layer": vitals.layers[column], "ratio": float(ratio), "depth": depth}
    recipe = observations.recipe
    changes = {"activation": "relu"} if recipe is not None and recipe.activation != "relu" else {}
    remedies = (
        Remedy("unsaturating-activation", changes),
        Remedy("normalize-layers", {"normalization": "batch"} if recipe else {}),
        without_fields("fewer-layers"),
    )
    first = float(vitals.epochs[rows][0])
    return [Finding("vanishing-gradients", severity, 0.85, first, evidence, remedies=remedies)]


def _exploding(observations: Observations, vitals: Vitals, layers: list[int]) -> list[Finding]:
    rows = vitals.epochs == vitals.epochs[0]
    shares = relative_gradients(vitals, rows)[layers]
    if len(shares) < 2:
        return []
    known = ~np.isnan(shares)
    largest = int(np.argmax(np.where(known, shares, -np.inf)[:-1]))
    last = shares[-1]
    severity = alarm(observations)
    endless = bool(np.isinf(shares[known]).any())
    if severity == "info" or not (endless or (last > 0 and shares[largest] / last > EXPLODED)):
        return []
    ratio = float("inf") if endless else float(shares[largest] / last)
    evidence = {"layer": vitals.layers[layers[largest]], "ratio": min(ratio, 1e30), "depth": len(layers)}
    recipe = observations.recipe
    clip = {"gradient_clip": 1.0} if recipe is not None and recipe.gradient_clip is None else {}
    remedies = (Remedy("clip-gradients", clip), without_fields("smaller-start"))
    causes = (Cause("bad-initialization", 0.6), Cause("learning-rate-too-high", 0.2))
    first = float(vitals.epochs[0])
    return [Finding("exploding-gradients", severity, 0.85, first, evidence, causes, remedies=remedies)]


def _kept(observations: Observations, vitals: Vitals) -> list[Finding]:
    """Find old gradients that were still there when new ones were added."""
    kept = later(vitals, "kept")
    measured = ~np.isnan(kept)
    if not measured.any():
        return []
    by_epoch = np.array([row[seen].mean() for row, seen in zip(kept, measured, strict=True) if seen.any()])
    epochs = vitals.epochs[vitals.epochs > 0][measured.any(axis=1)]
    if np.mean(by_epoch > KEPT_SHARE) < KEPT_SHARE:
        return []
    first = float(epochs[np.argmax(by_epoch > KEPT_SHARE)])
    return [
        Finding(
            "gradients-accumulate",
            "error",  # nothing is left to judge: the loop does not do what it says
            0.99,
            first,
            {"share": float(np.mean(by_epoch > KEPT_SHARE))},
            remedies=(without_fields("zero-gradients"),),
        )
    ]
