"""Validations that mislead: too noisy to choose by, better than they can be, at odds with the metric."""

from __future__ import annotations

import math

from goodfit.diagnosis.curves import Curve, curve_of
from goodfit.diagnosis.remedies import without_fields
from goodfit.finding import Cause, Finding, Severity
from goodfit.observations import Observations, higher_is_better

__all__ = ["EXPLAINS", "find"]

EXPLAINS: dict[str, tuple[str, ...]] = {}
NOISY = 0.05
RESOLVED = 0.01
FEWEST_ROWS = 25
TOO_GOOD = 0.3
DISAGREE = 0.05


def find(observations: Observations) -> list[Finding]:
    """Find a validation that is noisy or too good, or whose loss and metric disagree."""
    valid = curve_of(observations.history, "valid_loss")
    if valid is None or len(valid) < 4:
        return []
    return _noisy(observations, valid) + _too_good(observations, valid) + _disagreement(observations, valid)


def _noisy(observations: Observations, valid: Curve) -> list[Finding]:
    """Find noise that is larger than what there is to choose between in the second half."""
    rows = observations.valid_rows
    half = valid.smooth[len(valid) // 2 :]
    noise = valid.noise / valid.unit
    choice = float(half.max() - half.min()) / valid.unit
    few = rows is not None and rows < FEWEST_ROWS
    if not few and (noise < NOISY or noise < choice or len(valid) < 8):
        return []
    implied = 1 / math.sqrt(rows) if rows else noise
    evidence = {"noise": max(noise, implied if few else 0.0), "choice": choice}
    severity: Severity = "warning" if few else "info"
    variant = None
    if rows:
        evidence |= {"rows": rows, "needed": math.ceil(rows * (evidence["noise"] / (2 * RESOLVED)) ** 2)}
        variant = "rows"
    remedies = (without_fields("more-validation-rows"), without_fields("average-weights"))
    return [
        Finding(
            "noisy-validation",
            severity,
            0.8 if few else 0.6,
            None,
            evidence,
            remedies=remedies,
            variant=variant,
        )
    ]


def _too_good(observations: Observations, valid: Curve) -> list[Finding]:
    """Find a validation loss below the training loss by more than averaging, dropout and chance explain."""
    train = curve_of(observations.history, "train_loss")
    recipe = observations.recipe
    if train is None or len(train) < 4 or min(train.last, valid.last) <= 0:
        return []
    if (
        observations.train_loss_is != "at-epoch-end"
        and recipe is not None
        and (recipe.dropout or recipe.label_noise)
    ):
        return []
    late = float(train.epochs[-1])
    fair = (
        train.last if observations.train_loss_is == "at-epoch-end" else 2 * train.last - train.at(late - 1.0)
    )
    if fair <= 0:
        return []
    below = math.log(fair / valid.last)
    chance = 3 / math.sqrt(observations.valid_rows) if observations.valid_rows else TOO_GOOD
    if below < max(TOO_GOOD, chance) or below < 3 * valid.noise / valid.unit:
        return []
    severity: Severity = "warning" if observations.valid_rows and below > 2 * chance else "info"
    evidence = {"train": train.last, "valid": valid.last, "below": 1 - math.exp(-below)}
    causes = (Cause("data-leakage", 0.4), Cause("split-mismatch", 0.4))
    remedies = (without_fields("check-split"),)
    return [Finding("validation-too-good", severity, 0.6, None, evidence, causes, remedies=remedies)]


def _disagreement(observations: Observations, valid: Curve) -> list[Finding]:
    """Find a metric that is still at its best where the loss has long worsened, or the other way round."""
    history = observations.history
    for name in history.metrics:
        metric = curve_of(history, f"valid_{name}")
        if metric is None or len(metric) < 4 or observations.task == "regression":
            continue
        sign = 1.0 if higher_is_better(name) else -1.0
        best = int((sign * metric.smooth).argmax())
        best_loss_epoch = float(valid.epochs[valid.lowest_at])
        best_metric_epoch = float(metric.epochs[best])
        risen = (valid.last - valid.lowest) / valid.unit
        won = sign * (float(metric.smooth[best]) - metric.at(best_loss_epoch))
        if (
            risen > DISAGREE
            and best_metric_epoch > best_loss_epoch
            and won > max(2 * metric.noise, RESOLVED / 2)
        ):
            evidence = {
                "metric": name,
                "loss_epoch": best_loss_epoch,
                "metric_epoch": best_metric_epoch,
                "metric_then": metric.at(best_loss_epoch),
                "metric_best": float(metric.smooth[best]),
            }
            remedies = (without_fields("choose-monitor"),)
            return [
                Finding("loss-metric-disagreement", "info", 0.7, best_loss_epoch, evidence, remedies=remedies)
            ]
    return []
