"""Weights that begin so that the network cannot learn well: all the same, or of the wrong size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.harm import alarm
from goodfit.diagnosis.layers import at_start, last_known, weight_layers
from goodfit.diagnosis.symptoms import OF_CURVES, OF_LAYERS
from goodfit.finding import Finding, Remedy
from goodfit.observations import Observations
from goodfit.vitals import Vitals

__all__ = ["EXPLAINS", "find"]

Array = NDArray[np.float64]

EXPLAINS = {"bad-initialization": (*OF_CURVES, *OF_LAYERS)}
ALIKE = 0.9
SMALL_GAIN, LARGE_GAIN = 0.15, 3.0
FAR = 30.0
START = 10.0


def find(observations: Observations) -> list[Finding]:
    """Find a start with units all alike, signals that shrink or grow, or a loss far from the prior's."""
    vitals = observations.vitals
    spread = None if vitals is None else at_start(vitals, "spread")
    if vitals is None or spread is None:
        return []
    broken = at_start(vitals, "non_finite")
    if broken is not None and (broken > 0).any() and _no_numbers(observations):
        return []
    layers = weight_layers(vitals)
    hidden = layers[:-1]
    if not hidden:
        return _far_start(observations, vitals)
    return (
        _symmetric(observations, vitals, hidden)
        or _wrong_size(observations, vitals, layers)
        or _far_start(observations, vitals)
    )


def _no_numbers(observations: Observations) -> bool:
    """Say whether the data or a layer's own arithmetic, not the size of the weights, made NaN."""
    origin, data = observations.non_finite, observations.data
    return (origin is not None and origin.where in ("inputs", "layer")) or bool(data and data.non_finite)


def _finding(observations: Observations, variant: str, confidence: float, **evidence: object) -> Finding:
    severity = alarm(observations)
    if variant == "symmetric" and severity == "info":
        severity = "warning"
    recipe = observations.recipe
    changes = {"initialization": "auto"} if recipe is not None and recipe.initialization != "auto" else {}
    remedies = (Remedy("fresh-start", changes),)
    return Finding(
        "bad-initialization", severity, confidence, 0.0, evidence, remedies=remedies, variant=variant
    )


def _symmetric(observations: Observations, vitals: Vitals, hidden: list[int]) -> list[Finding]:
    """Find hidden units that begin alike and stay so, or that give the same whatever the row."""
    alike, spread = vitals["alike"], vitals["spread"]
    start = int(np.flatnonzero(vitals.epochs == 0)[0])
    known = [column for column in hidden if not np.isnan(spread[start, column])]
    if known and spread[start, known[0]] == 0 and alarm(observations) != "info":
        return [_finding(observations, "symmetric", 0.95, layer=vitals.layers[known[0]], share=1.0)]
    same = [
        column for column in known if alike[start, column] >= ALIKE and np.nanmin(alike[:, column]) >= ALIKE
    ]
    if not same or len(vitals) < 2:
        return []
    column = same[0]
    share = float(last_known(vitals, "alike")[column])
    return [_finding(observations, "symmetric", 0.95, layer=vitals.layers[column], share=share)]


def _wrong_size(observations: Observations, vitals: Vitals, layers: list[int]) -> list[Finding]:
    """Find layers whose weights themselves make the signal shrink or grow from one to the next."""
    spread = at_start(vitals, "spread")
    dead = at_start(vitals, "dead")
    assert spread is not None
    gains = []
    for column in layers[1:]:
        before = _entering(vitals, column, spread)
        if before is None or np.isnan(spread[column]) or (dead is not None and dead[column] == 1):
            continue
        gains.append(spread[column] / before)
    if not gains or alarm(observations) == "info":
        return []
    middle = max(float(np.median(gains)), 1e-30)
    whole = middle ** len(gains)
    evidence = {"gain": middle, "layers": len(gains), "whole": float(np.clip(whole, 1e-30, 1e30))}
    if middle > LARGE_GAIN and whole > FAR:
        return [_finding(observations, "growing", 0.9, **evidence)]
    if middle < SMALL_GAIN and whole < 1 / FAR:
        return [_finding(observations, "shrinking", 0.9, **evidence)]
    return []


def _entering(vitals: Vitals, column: int, spread: Array) -> float | None:
    """Return the spread of what enters a layer: that of the last layer before it which has one."""
    for before in range(column - 1, -1, -1):
        if not np.isnan(spread[before]):
            return float(spread[before]) if spread[before] > 0 else None
    return None


def _far_start(observations: Observations, vitals: Vitals) -> list[Finding]:
    """Find a first loss many times that of a constant answer, where the network never made up for it."""
    start, prior = observations.start, observations.prior_loss
    if start is None or prior is None or prior <= 0:
        return []
    loss = start.loss
    if loss is None or loss < START * prior or alarm(observations) == "info":
        return []
    evidence = {"start": loss, "prior": prior}
    return [_finding(observations, "far", 0.6, **evidence)]
