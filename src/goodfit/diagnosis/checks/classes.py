"""Rare classes, predictions of one class only, and labels that do not go with their rows."""

from __future__ import annotations

import math

from goodfit.diagnosis.curves import curve_of
from goodfit.diagnosis.harm import behind_simple, useless
from goodfit.diagnosis.remedies import without_fields
from goodfit.diagnosis.symptoms import OF_SCORES
from goodfit.finding import Cause, Finding, Remedy, Severity
from goodfit.messages import Message
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "cannot_tell", "find"]

EXPLAINS = {
    "class-imbalance": (
        *("class-collapse", "not-learning", "loss-metric-disagreement", "noisy-validation"),
        *("converged-early", "overfitting", "underfitting", "not-converged"),
    ),
    "class-collapse": ("not-learning", "converged-early", "underfitting"),
    "label-noise": OF_SCORES,
}
RARE = 0.2
MISSED = 0.5
FEWEST_ROWS = 5
COLLAPSED = 0.98
FREQUENT = 0.85
TOO_MANY = 0.15
NOISE = 0.08
PLATEAU = 0.5
SURE_PLATEAU = 0.65
CLEAR = 0.15
LEARNED = 1 / 3


def find(observations: Observations) -> list[Finding]:
    """Find classes that are too rare to be learned, predictions that collapsed, labels that are wrong."""
    return _imbalance(observations) + _collapse(observations) + _labels(observations)


def cannot_tell(observations: Observations) -> list[Message]:
    """Return why data and predictions cannot be judged, if they cannot."""
    return [] if observations.data is not None else [Message("findings.missing.data")]


def _imbalance(observations: Observations) -> list[Finding]:
    data, outputs = observations.data, observations.outputs
    if data is None or data.class_counts is None or outputs is None or outputs.recalled is None:
        return []
    counts = [count for count in data.class_counts if count]
    if len(counts) < 2:
        return []
    rarest = min((count, number) for number, count in enumerate(data.class_counts) if count)
    share = rarest[0] / sum(counts)
    recalled = outputs.recalled[rarest[1]] if rarest[1] < len(outputs.recalled) else None
    if share * len(counts) > RARE:
        return []
    valid = data.valid_class_counts
    judged = None if valid is None else (valid[rarest[1]] if rarest[1] < len(valid) else 0)
    missed = recalled is not None and recalled < MISSED
    few = judged is not None and judged < FEWEST_ROWS
    severity: Severity = "warning" if missed or few else "info"
    if missed and useless(observations):
        severity = "error"
    recipe = observations.recipe
    weighted = recipe is not None and recipe.class_weight is not None
    remedies = (
        Remedy("weigh-classes", {} if recipe is None or weighted else {"class_weight": "balanced"}),
        without_fields("more-of-the-class"),
    )
    evidence = {"share": share, "class_number": rarest[1], "class_name": _name(observations, rarest[1])}
    evidence |= {"recalled": recalled or 0.0, "judged": judged or 0}
    variant = None if missed else "few" if few else "fine"
    return [Finding("class-imbalance", severity, 0.9, None, evidence, remedies=remedies, variant=variant)]


def _name(observations: Observations, number: int) -> str:
    names = observations.data.class_names if observations.data is not None else None
    return names[number] if names is not None and number < len(names) else str(number)


def _collapse(observations: Observations) -> list[Finding]:
    """Find predictions of one class where the rows are not, and a simple model does not do the same.

    With class weights of one's own, predicting a class somewhat too often is enough, where that makes the
    network worse than a simple model.
    """
    outputs, data = observations.outputs, observations.data
    if outputs is None or outputs.predicted is None or outputs.actual is None:
        return []
    shares = zip(outputs.predicted, outputs.actual, strict=True)
    _, number = max((given - there, number) for number, (given, there) in enumerate(shares))
    share, actual = outputs.predicted[number], outputs.actual[number]
    chance = 2 / math.sqrt(outputs.rows)
    behind = bool(behind_simple(observations))
    if (share < COLLAPSED or actual > FREQUENT) and not (behind and share - actual > max(TOO_MANY, chance)):
        return []
    possible = behind or data is None or None in (data.linear_score, data.chance_score)
    if not possible and data is not None and data.linear_score is not None and data.chance_score is not None:
        possible = data.linear_score > data.chance_score + chance
    if not possible:
        return []
    severity: Severity = "error" if actual < 0.6 else "warning"
    recipe = observations.recipe
    weights = recipe is not None and recipe.class_weight not in (None, "balanced")
    causes = (Cause("class-weights", 0.7),) if weights else (Cause("learning-rate-too-high", 0.3),)
    remedies = (Remedy("weigh-classes", {"class_weight": "balanced"} if recipe else {}),)
    evidence: dict[str, float | str] = {"share": share, "actual": actual}
    evidence |= {"class_number": number, "class_name": _name(observations, number)}
    return [Finding("class-collapse", severity, 0.85, None, evidence, causes, remedies=remedies)]


def _labels(observations: Observations) -> list[Finding]:
    labels = observations.labels
    if labels is None:
        return []
    error = 1 / math.sqrt(labels.rows)
    chance = labels.chance_score
    remedies = (without_fields("check-labels"),)
    evidence: dict[str, float | int] = {"train": labels.train_score, "chance": chance, "rows": labels.rows}
    blind = labels.train_score < chance + max(0.03, 1.5 * error)
    told = labels.valid_score is not None and labels.valid_score > chance + CLEAR
    if blind and told:
        assert labels.valid_score is not None
        evidence |= {"valid": labels.valid_score}
        return [Finding("label-noise", "error", 0.95, None, evidence, remedies=remedies, variant="shuffled")]
    judged = labels.chance_score < FREQUENT  # else accuracy tells nothing
    if blind and judged and useless(observations) and _linear_blind(observations):
        sure = 0.8 if _memorises(observations) else 0.6
        return [Finding("label-noise", "error", sure, None, evidence, remedies=remedies, variant="unrelated")]
    if labels.floor is None or labels.floor_low is None or labels.error is None:
        return []
    wrong, sure_wrong = labels.network_error, labels.network_floor
    if wrong is None or sure_wrong is None or min(labels.error, wrong) > (1 - LEARNED) * (1 - chance):
        return []  # where little is learned, rows that overlap look just like labels that are wrong
    if labels.floor_low < NOISE or labels.floor < PLATEAU * labels.error:
        return []
    # Neighbours are a poor guide in many noisy dimensions; the network must not be sure and right either.
    if sure_wrong < max(NOISE, PLATEAU * wrong):
        return []
    evidence |= {"floor": labels.floor, "doubted": labels.doubted or 0}
    flat = (labels.floor / labels.error + sure_wrong / wrong) / 2
    severity: Severity = "warning" if flat >= SURE_PLATEAU else "info"
    return [
        Finding(
            "label-noise", severity, 0.7 if flat >= SURE_PLATEAU else 0.4, None, evidence, remedies=remedies
        )
    ]


def _linear_blind(observations: Observations) -> bool:
    data, outputs = observations.data, observations.outputs
    if data is None or data.linear_score is None or data.chance_score is None:
        return True
    rows = outputs.rows if outputs is not None else data.rows
    return data.linear_score < data.chance_score + max(0.05, 2 / math.sqrt(rows))


def _memorises(observations: Observations) -> bool:
    train = curve_of(observations.history, "train_loss")
    prior = observations.prior_loss
    return train is not None and prior is not None and train.lowest < 0.9 * prior
