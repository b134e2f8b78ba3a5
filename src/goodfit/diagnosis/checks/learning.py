"""Training that learns nothing, or too little."""

from __future__ import annotations

import math

from goodfit.diagnosis.curves import Curve, curve_of
from goodfit.diagnosis.judgement import judge, likely, severity
from goodfit.diagnosis.remedies import larger_network, lower_rate, raise_rate, without_fields
from goodfit.finding import Cause, Finding, Remedy, Severity
from goodfit.messages import Message
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "cannot_tell", "find"]

EXPLAINS = {
    "not-learning": (
        "underfitting",
        "converged-early",
        "overfitting",
        "noisy-validation",
    )
}
LITTLE = 0.02
GAP = 0.1
HARM = 0.05


def find(observations: Observations) -> list[Finding]:
    """Find a run no better than the best constant prediction, or one whose two losses are level and high."""
    train = curve_of(observations.history, "train_loss") or curve_of(observations.history, "running_loss")
    valid = curve_of(observations.history, "valid_loss")
    judged = valid or train
    if judged is None or len(judged) < 3:
        return []
    return _not_learning(observations, judged, train) or _underfitting(observations, valid, train)


def cannot_tell(observations: Observations) -> list[Message]:
    """Return why learning cannot be judged, if it cannot."""
    return [Message("findings.missing.prior-loss")] if reference_loss(observations) is None else []


def reference_loss(observations: Observations) -> float | None:
    """Return the loss of the best constant prediction, as far as it is known.

    For classes of unknown frequency it is at most the entropy of equal ones, log(number of classes).
    """
    if observations.prior_loss is not None:
        return observations.prior_loss if observations.prior_loss > 0 else None
    log_loss = observations.recipe is None or observations.recipe.loss in ("auto", "cross_entropy", "bce")
    if observations.classes is not None and observations.classes > 1 and log_loss:
        return math.log(observations.classes)
    return None


def _not_learning(observations: Observations, judged: Curve, train: Curve | None) -> list[Finding]:
    prior = reference_loss(observations)
    recipe = observations.recipe
    remedies: tuple[Remedy, ...] = (raise_rate(recipe), lower_rate(recipe), without_fields("check-labels"))
    causes = (
        Cause("learning-rate-too-low", 0.3),
        Cause("learning-rate-too-high", 0.3),
        Cause("label-noise", 0.2),
    )
    start = float(judged.epochs[0])
    if prior is None:
        descent = (judged.first - judged.lowest) / judged.unit
        falling = train is not None and (train.first - train.lowest) / train.unit > LITTLE
        if descent > max(LITTLE, judged.noise / judged.unit) or falling:
            return []
        evidence = {"first": judged.first, "lowest": judged.lowest}
        chances = judge(observations)
        wrong = ("not-converged", "learning-rate-too-low", "learning-rate-too-high")
        helped = max(chances.get(code, 0.5) for code in wrong)
        flat: Severity = "warning" if helped >= 0.5 else "info"
        sure = min(0.6, helped)
        return [
            Finding("not-learning", flat, sure, start, evidence, causes, remedies=remedies, variant="flat")
        ]
    left = judged.lowest / prior
    if left < 1 - LITTLE:
        return []
    memorises = train is not None and train is not judged and train.lowest < 0.9 * prior
    evidence = {"lowest": judged.lowest, "prior": prior}
    if memorises:
        causes = (Cause("label-noise", 0.4), Cause("overfitting", 0.3), Cause("split-mismatch", 0.2))
        remedies = (without_fields("check-labels"), without_fields("more-data"))
    sure = 0.95 if observations.prior_loss is not None and left > 1 - LITTLE / 2 else 0.8
    variant = "memorises" if memorises else None
    return [
        Finding("not-learning", "error", sure, start, evidence, causes, remedies=remedies, variant=variant)
    ]


def _underfitting(observations: Observations, valid: Curve | None, train: Curve | None) -> list[Finding]:
    """Find a network that a wider one, or even a linear model, would outdo."""
    if valid is None or train is None or len(valid) < 4:
        return []
    remedies = (larger_network(observations.recipe), without_fields("more-features"))
    evidence = {"train": train.last, "valid": valid.last, "gap": (valid.last - train.last) / valid.unit}
    weight: Severity
    since = float(valid.epochs[-1])
    linear = observations.linear_loss
    middle = valid.at(since * 0.6)
    level = abs(valid.last - middle) / valid.unit <= LITTLE
    if linear is not None and level and evidence["gap"] < GAP and (valid.last - linear) / valid.unit > LITTLE:
        gain = (valid.last - linear) / valid.unit
        evidence |= {"linear": linear, "gain": gain}
        weight = "warning" if gain > HARM else "info"
        return [Finding("underfitting", weight, 0.85, since, evidence, remedies=remedies, variant="linear")]
    chance = likely(observations, "underfitting")
    if chance is None:
        return []
    beside = likely(observations, "not-converged") is not None
    weight = "info" if beside else severity(chance)
    return [Finding("underfitting", weight, chance, since, evidence | {"chance": chance}, remedies=remedies)]
