"""Training that ended too soon, or went on after nothing more was to be gained."""

from __future__ import annotations

from goodfit.diagnosis.curves import Curve, curve_of, extrapolate, level_from
from goodfit.diagnosis.remedies import raise_rate, train_for
from goodfit.finding import Cause, Finding
from goodfit.messages import Message
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "cannot_tell", "find"]

EXPLAINS = {"not-converged": ("underfitting",)}
HARM = 0.05
WITHIN = 0.01
LONGER = 4.0
FEWEST = 6


def find(observations: Observations) -> list[Finding]:
    """Find a run that stopped while improving, or one that fewer epochs would have served."""
    valid = curve_of(observations.history, "valid_loss")
    if valid is None or len(valid) < FEWEST or observations.history.ended_by == "patience":
        return []
    return _not_converged(observations, valid) or _converged_early(observations, valid)


def cannot_tell(observations: Observations) -> list[Message]:
    """Return why convergence cannot be judged, if it cannot."""
    valid = curve_of(observations.history, "valid_loss")
    if valid is None:
        return [Message("findings.missing.valid-loss")]
    if len(valid) < FEWEST:
        return [Message("findings.missing.epochs", {"epochs": len(valid), "needed": FEWEST})]
    return []


def _not_converged(observations: Observations, valid: Curve) -> list[Finding]:
    ahead = extrapolate(valid, LONGER)
    risen = (valid.last - valid.lowest) / valid.unit
    if ahead is None or risen > WITHIN:
        return []
    probability = ahead.probability(HARM)
    if probability < 0.5:
        return []
    epochs = float(valid.epochs[-1])
    evidence = {
        "epochs": epochs,
        "longer": LONGER * epochs,
        "last": valid.last,
        "expected": ahead.expected,
        "expected_low": ahead.low,
        "expected_high": ahead.high,
        "gain": ahead.gain,
        "gain_low": (valid.last - ahead.high) / valid.unit,
        "gain_high": (valid.last - ahead.low) / valid.unit,
        "probability": probability,
    }
    recipe = observations.recipe
    return [
        Finding(
            "not-converged",
            "warning",
            probability,
            epochs,
            evidence,
            (Cause("too-few-epochs", 0.7), Cause("learning-rate-too-low", 0.3)),
            remedies=(train_for(recipe, evidence["longer"]), raise_rate(recipe, 3.0)),
        )
    ]


def _converged_early(observations: Observations, valid: Curve) -> list[Finding]:
    enough = float(valid.epochs[level_from(valid, WITHIN)])
    epochs = float(valid.epochs[-1])
    if enough > epochs / 2 or (valid.last - valid.lowest) / valid.unit > WITHIN:
        return []
    return [
        Finding(
            "converged-early",
            "info",
            min(0.95, 0.5 + 0.5 * (1 - enough / epochs)),
            enough,
            {"enough": enough, "epochs": epochs, "within": WITHIN},
            remedies=(train_for(observations.recipe, enough, "fewer-epochs"),),
        )
    ]
