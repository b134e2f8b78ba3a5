"""Learning rates of the wrong size, by the shape of the curves."""

from __future__ import annotations

from goodfit.diagnosis.curves import curve_of
from goodfit.diagnosis.judgement import likely, severity
from goodfit.diagnosis.remedies import lower_rate, raise_rate
from goodfit.diagnosis.traits import swing
from goodfit.finding import Finding, Severity
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {"learning-rate-too-high": ("oscillating", "loss-spikes")}


def find(observations: Observations) -> list[Finding]:
    """Find a rate that should be ten times smaller (the curves jump) or larger (they creep)."""
    train = curve_of(observations.history, "train_loss") or curve_of(observations.history, "running_loss")
    curve = train or curve_of(observations.history, "valid_loss")
    if curve is None or len(curve) < 4:
        return []
    middle = curve.at(float(curve.epochs[-1]) / 2)
    evidence = {"swing": swing(curve), "fallen": (middle - curve.last) / (abs(middle) or curve.unit)}
    recipe = observations.recipe
    wrong = (
        ("learning-rate-too-high", "overfitting", lower_rate(recipe)),
        ("learning-rate-too-low", "not-converged", raise_rate(recipe)),
    )
    found = []
    for code, rival, remedy in wrong:
        chance = likely(observations, code)
        if chance is not None:
            weight = _severity(observations, rival, chance)
            found.append(Finding(code, weight, chance, float(curve.epochs[0]), evidence, remedies=(remedy,)))
    return found


def _severity(observations: Observations, rival: str, chance: float) -> Severity:
    """Return info where another finding accounts for the same gain: its remedy comes first."""
    return severity(chance) if likely(observations, rival) is None else "info"
