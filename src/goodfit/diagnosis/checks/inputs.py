"""Inputs of very different size, answers that leak into the data, and parts that are of different kinds."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.curves import curve_of
from goodfit.diagnosis.harm import alarm, useless
from goodfit.diagnosis.remedies import without_fields
from goodfit.diagnosis.symptoms import OF_CURVES, OF_LAYERS, OF_SCORES
from goodfit.finding import Finding, Remedy, Severity
from goodfit.observations import Observations
from goodfit.probes import DataSummary

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {
    "unscaled-inputs": (*OF_CURVES, *OF_LAYERS, "bad-initialization"),
    # A leak makes the validation loss too good: where it rises, something else is at work.
    "data-leakage": (
        *(code for code in OF_SCORES if code != "overfitting"),
        "validation-too-good",
        "split-mismatch",
        "label-noise",
    ),
    "split-mismatch": (
        *OF_SCORES,
        "class-imbalance",
        "validation-too-good",
        "label-noise",
        "train-eval-mismatch",
    ),
}
APART = 1e3
LARGE, SMALL = 100.0, 0.01
DROWNED = 1e4
ENORMOUS = 1e3
TELLS_ALL = 0.97
ADDS = 0.1
SHARED = 0.02
APART_AUC = 0.65
FAR_AUC = 0.9
GAP = 0.2
HALF = 0.5


def find(observations: Observations) -> list[Finding]:
    """Find data that a network cannot use well, or that make its score meaningless."""
    data = observations.data
    if data is None:
        return []
    return _unscaled(observations, data) + _leakage(observations, data) + _shift(observations, data)


def _unscaled(observations: Observations, data: DataSummary) -> list[Finding]:
    low, middle, high = data.scale_low, data.scale_typical, data.scale_high
    if low is None or middle is None or high is None:
        return []
    apart = high / low
    if apart < APART and SMALL < middle < LARGE:
        return []
    severity = alarm(observations)
    if severity == "info" and _unprotected(observations, apart, middle):
        severity = "warning"
    evidence = {"low": low, "typical": middle, "high": high, "ratio": apart, "feature": data.largest_feature}
    variant = "apart" if apart >= APART else "size"
    remedies = (without_fields("scale-inputs"),)
    confidence = 0.9 if severity != "info" else 0.5
    return [
        Finding("unscaled-inputs", severity, confidence, None, evidence, remedies=remedies, variant=variant)
    ]


def _unprotected(observations: Observations, apart: float, middle: float) -> bool:
    """Say whether one feature is so large that it drowns all others, or nothing brings them all down."""
    kinds = observations.vitals.kinds if observations.vitals is not None else ()
    normalized = any("Norm" in kind for kind in kinds)
    return apart > DROWNED or (middle > ENORMOUS and bool(kinds) and not normalized)


def _leakage(observations: Observations, data: DataSummary) -> list[Finding]:
    return _giveaway(data) or _shared_rows(data)


def _giveaway(data: DataSummary) -> list[Finding]:
    """Find one feature that tells the answer: a copy of it, or where all the others do not."""
    if data.giveaway_score is None or data.other_score is None or data.chance_score is None:
        return []
    room = max(1 - data.chance_score, 1e-9)
    alone, others = ((score - data.chance_score) / room for score in (data.giveaway_score, data.other_score))
    if alone < TELLS_ALL or (others > alone - ADDS and not data.giveaway_exact):
        return []
    evidence = {"feature": data.giveaway, "alone": data.giveaway_score, "others": data.other_score}
    remedies = (without_fields("drop-feature"),)
    severity: Severity = "warning" if data.giveaway_exact else "info"
    sure = 0.9 if data.giveaway_exact else 0.5
    return [Finding("data-leakage", severity, sure, None, evidence, remedies=remedies, variant="feature")]


def _shared_rows(data: DataSummary) -> list[Finding]:
    """Find validation or test rows that are training rows, too."""
    for part in ("valid", "test"):
        share = data.duplicated_valid if part == "valid" else data.duplicated_test
        if not share:
            continue
        natural = not data.distinctive
        small = share < SHARED
        severity: Severity = "info" if natural or small else "warning"
        if small and natural:
            continue
        evidence = {"share": share, "within": data.duplicated_train or 0.0}
        remedies = (without_fields("divide-without-copies"),)
        confidence = 0.5 if severity == "info" else 0.95
        return [
            Finding(
                "data-leakage",
                severity,
                confidence,
                None,
                evidence,
                remedies=remedies,
                variant=f"rows-{part}",
            )
        ]
    return []


def _shift(observations: Observations, data: DataSummary) -> list[Finding]:
    """Find validation rows that a classifier tells from training rows, or with other class shares."""
    found = _class_shift(data)
    if found:
        return found
    shift = data.shift
    if shift is None or shift.low < APART_AUC:
        return []
    train = curve_of(observations.history, "train_loss")
    valid = curve_of(observations.history, "valid_loss")
    gap = (valid.last - train.last) / abs(valid.last) if train and valid and valid.last else 0.0
    severity: Severity = "warning" if gap > GAP or shift.low > FAR_AUC else "info"
    # Learned on the training rows and still of no use on these: they are others.
    if severity == "warning" and gap > HALF and useless(observations):
        severity = "error"
    evidence = {"auc": shift.auc, "feature": shift.feature, "gap": gap}
    remedies = (_of_parts(data),)
    return [
        Finding(
            "split-mismatch",
            severity,
            0.9 if severity == "warning" else 0.6,
            None,
            evidence,
            remedies=remedies,
        )
    ]


def _class_shift(data: DataSummary) -> list[Finding]:
    if data.class_counts is None or data.valid_class_counts is None:
        return []
    length = max(len(data.class_counts), len(data.valid_class_counts))
    counts = [
        np.pad(np.asarray(part, float), (0, length - len(part)))
        for part in (data.class_counts, data.valid_class_counts)
    ]
    if min(part.sum() for part in counts) < 20:
        return []
    shares = [part / part.sum() for part in counts]
    apart = float(np.abs(shares[0] - shares[1]).sum() / 2)
    # What chance alone makes of two samples from the same classes, and half as much again.
    chance = sum(np.sqrt(shares[0] * (1 - shares[0]) / part.sum()).sum() for part in counts)
    if apart < 0.15 or apart < 1.5 * chance:
        return []
    evidence = {"apart": apart}
    remedies = (_of_parts(data),)
    return [Finding("split-mismatch", "warning", 0.9, None, evidence, remedies=remedies, variant="classes")]


def _of_parts(data: DataSummary) -> Remedy:
    """Return what to do about parts that differ: rows that were divided by time are meant to."""
    return without_fields("latest-rows" if data.time_column else "parts-alike")
