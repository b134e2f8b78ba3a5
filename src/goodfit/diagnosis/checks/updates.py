"""Updates that are as large as the weights they change."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.harm import alarm
from goodfit.diagnosis.layers import later, weight_layers
from goodfit.diagnosis.remedies import lower_rate
from goodfit.diagnosis.symptoms import OF_CURVES
from goodfit.finding import Finding
from goodfit.observations import Observations

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
EARLY = 3


def find(observations: Observations) -> list[Finding]:
    """Find a network that a single update changes by a third, early and in most layers, and that is useless.

    The early epochs decide: layers that have died get no updates any more.
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
    severity = alarm(observations)
    if not len(known) or severity == "info":
        return []
    largest = float(np.median(known))
    if largest < LARGE:
        return []
    remedies = (lower_rate(observations.recipe),)
    evidence = {"ratio": largest}
    return [
        Finding("learning-rate-too-high", severity, 0.8, 1.0, evidence, remedies=remedies, variant="updates")
    ]
