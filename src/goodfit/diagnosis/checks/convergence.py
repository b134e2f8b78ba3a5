"""Training that ended too soon, or went on after nothing more was to be gained."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.curves import Curve, curve_of, level_from
from goodfit.diagnosis.judgement import judge, later, likely, severity
from goodfit.diagnosis.remedies import raise_rate, train_for, without_fields
from goodfit.finding import Cause, Finding
from goodfit.messages import Message
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "cannot_tell", "find"]

EXPLAINS: dict[str, tuple[str, ...]] = {}
WITHIN = 0.01
LONGER = 4.0
FEWEST = 4
DECAYED = 0.05
FLAT = 0.005


def find(observations: Observations) -> list[Finding]:
    """Find a run that stopped while improving, or one that fewer epochs would have served."""
    valid = curve_of(observations.history, "valid_loss")
    if valid is None or len(valid) < FEWEST or observations.history.ended_by == "patience":
        return []
    unfinished = _not_converged(observations, valid)
    if unfinished:
        return unfinished + _premature(observations, valid)
    return _converged_early(observations, valid)


def cannot_tell(observations: Observations) -> list[Message]:
    """Return why convergence cannot be judged, if it cannot."""
    valid = curve_of(observations.history, "valid_loss")
    if valid is None:
        return [Message("findings.missing.valid-loss")]
    if len(valid) < FEWEST:
        return [Message("findings.missing.epochs", {"count": len(valid), "needed": FEWEST})]
    return []


def _not_converged(observations: Observations, valid: Curve) -> list[Finding]:
    chance = likely(observations, "not-converged")
    ahead = later(observations)
    if chance is None or ahead is None:
        return []
    epochs = float(valid.epochs[-1])
    low, middle, high = ahead
    fallen = (valid.at(epochs / 2) - valid.last) / valid.unit
    train = curve_of(observations.history, "train_loss") or curve_of(observations.history, "running_loss")
    learned = (train.at(epochs / 2) - train.last) / train.unit if train is not None else 0.0
    if max(fallen, learned) < FLAT:
        return []
    evidence = {
        "epochs": epochs,
        "longer": float(round(LONGER * epochs)),
        "last": valid.last,
        "expected": valid.last + middle * valid.unit,
        "expected_low": valid.last + low * valid.unit,
        "expected_high": valid.last + high * valid.unit,
        "gain": -middle,
        "gain_low": -high,
        "gain_high": -low,
        "probability": chance,
    }
    slow = judge(observations)["learning-rate-too-low"]
    recipe = observations.recipe
    remedies = (train_for(recipe, evidence["longer"]), raise_rate(recipe, 3.0))
    return [
        Finding(
            "not-converged",
            severity(chance, fallen),
            chance,
            epochs,
            evidence,
            (Cause("learning-rate-too-low", slow), Cause("too-few-epochs", 1 - slow)),
            remedies=remedies if slow < 0.5 else remedies[::-1],
        )
    ]


def _premature(observations: Observations, valid: Curve) -> list[Finding]:
    """Find a curve that is level only because its learning rate has gone to nothing."""
    rates = observations.history.get("learning_rate")
    if rates is None:
        return []
    rates = rates[np.isfinite(rates)]
    start = valid.at(0.9 * float(valid.epochs[-1]))
    level = abs(start - valid.last) / valid.unit < FLAT
    if not len(rates) or rates.max() <= 0 or rates[-1] > DECAYED * rates.max() or not level:
        return []
    decayed = float(np.argmax(rates < 0.5 * rates.max()) + 1)
    evidence = {"rate_first": float(rates.max()), "rate_last": float(rates[-1]), "decayed": decayed}
    recipe = observations.recipe
    return [
        Finding(
            "premature-convergence",
            "info",
            judge(observations)["not-converged"],
            decayed,
            evidence | {"longer": float(round(LONGER * valid.epochs[-1]))},
            remedies=(train_for(recipe, LONGER * valid.epochs[-1]), without_fields("slower-schedule")),
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
