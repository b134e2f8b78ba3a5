"""Training that learns nothing, or too little."""

from __future__ import annotations

import math

from goodfit.diagnosis.curves import Curve, curve_of
from goodfit.diagnosis.remedies import larger_network, lower_rate, raise_rate, without_fields
from goodfit.finding import Cause, Finding, Remedy, Severity
from goodfit.messages import Message
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "cannot_tell", "find"]

EXPLAINS = {
    "not-learning": (
        "underfitting",
        "converged-early",
        "not-converged",
        "overfitting",
        "premature-convergence",
        "learning-rate-too-low",
        "learning-rate-too-high",
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
        return [
            Finding(
                "not-learning", "warning", 0.6, start, evidence, causes, remedies=remedies, variant="flat"
            )
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
    """Find losses that are level, close to each other, and high by a linear model or the best constant."""
    if valid is None or train is None or len(valid) < 6:
        return []
    middle = valid.at(float(valid.epochs[-1]) * 0.6)
    still_moving = abs(valid.last - middle) / valid.unit > LITTLE
    gap = (valid.last - train.last) / valid.unit
    if still_moving or gap > GAP:
        return []
    recipe = observations.recipe
    remedies = (larger_network(recipe), raise_rate(recipe, 3.0))
    linear = observations.linear_loss
    evidence = {"train": train.last, "valid": valid.last, "gap": gap}
    since = float(valid.epochs[-1])
    if linear is not None and (valid.last - linear) / valid.unit > LITTLE:
        gain = (valid.last - linear) / valid.unit
        evidence |= {"linear": linear, "gain": gain}
        severity: Severity = "warning" if gain > HARM else "info"
        return [Finding("underfitting", severity, 0.85, since, evidence, remedies=remedies, variant="linear")]
    prior = reference_loss(observations)
    if prior is not None and valid.last > 0.7 * prior:
        evidence |= {"prior": prior}
        return [Finding("underfitting", "info", 0.3, since, evidence, remedies=remedies)]
    return []
