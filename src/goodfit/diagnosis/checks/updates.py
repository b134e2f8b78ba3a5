"""Updates that are as large as the weights they change."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.harm import alarm, solved
from goodfit.diagnosis.layers import at_start, later, weight_layers
from goodfit.diagnosis.remedies import lower_rate
from goodfit.diagnosis.symptoms import OF_CURVES
from goodfit.finding import Finding
from goodfit.observations import Observations
from goodfit.vitals import Vitals

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {
    "learning-rate-too-high": (
        *(code for code in OF_CURVES if code != "learning-rate-too-high"),
        "dead-units",
        "saturated-units",
        "vanishing-gradients",
        "label-noise",
    )
}
LARGE = 0.3
GROWN = 10.0
LOST = 30.0
EARLY = 3


def find(observations: Observations) -> list[Finding]:
    """Find weights that a single update changes by a third, or that have grown tenfold, and a bad network.

    The early epochs decide, in most layers: those that have died get no updates any more. A start that was
    too small to begin with does not count as growth.
    """
    vitals = observations.vitals
    if vitals is None or not len(vitals):
        return []
    layers = weight_layers(vitals)
    updates, weights = (
        later(vitals, "update_norm")[:EARLY, layers],
        later(vitals, "weight_norm")[:EARLY, layers],
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(weights > 0, updates / weights, np.nan)
    known = shares[np.isfinite(shares)]
    if not len(known):
        return []
    largest = float(np.median(known))
    grown = _growth(vitals, layers)
    severity = alarm(observations)
    if severity == "info" and grown > LOST and not solved(observations):
        severity = "warning"
    if severity == "info":
        return []
    if largest < LARGE and grown < GROWN:
        return []
    remedies = (lower_rate(observations.recipe),)
    evidence = {"ratio": largest, "growth": grown}
    variant = "updates" if largest >= LARGE else "growth"
    return [
        Finding("learning-rate-too-high", severity, 0.9, 1.0, evidence, remedies=remedies, variant=variant)
    ]


def _growth(vitals: Vitals, layers: list[int]) -> float:
    """Return how many times larger the weights are after the first epochs, the median over the layers."""
    start = at_start(vitals, "weight_norm")
    grown = later(vitals, "weight_norm")[:EARLY]
    if start is None or not len(grown) or not layers:
        return 1.0
    usual = 0.1 * float(np.median(start[layers]))
    ratios = [grown[-1, column] / start[column] for column in layers if start[column] > usual]
    known = [ratio for ratio in ratios if not np.isnan(ratio)]
    return float(min(np.median(known), 1e30)) if known else 1.0
