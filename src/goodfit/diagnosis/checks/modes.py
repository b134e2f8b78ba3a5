"""Training and evaluation mode that disagree by more than dropout explains."""

from __future__ import annotations

from goodfit.diagnosis.curves import curve_of
from goodfit.diagnosis.harm import useless
from goodfit.diagnosis.remedies import without_fields
from goodfit.finding import Finding, Severity
from goodfit.observations import Observations

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {
    "train-eval-mismatch": (
        *("noisy-validation", "oscillating", "loss-spikes", "not-learning", "underfitting", "class-collapse"),
        *("converged-early", "not-converged", "learning-rate-too-high", "diverging", "overfitting"),
        *("validation-too-good", "learning-rate-too-low"),
    )
}
DIFFERS = 0.02
WORSE = 0.25
MATTERS = 0.1


def find(observations: Observations) -> list[Finding]:
    """Find answers that change with chance or with the other rows, or that evaluation mode makes worse."""
    modes = observations.modes
    if modes is None:
        return []
    severity: Severity = "error" if useless(observations) else "warning"
    remedies = (without_fields("obey-the-mode"),)
    if modes.repeated > DIFFERS:
        evidence = {"differs": modes.repeated}
        return [
            Finding(
                "train-eval-mismatch", severity, 0.95, None, evidence, remedies=remedies, variant="random"
            )
        ]
    if modes.company > DIFFERS:
        evidence = {"differs": modes.company}
        return [
            Finding(
                "train-eval-mismatch", severity, 0.95, None, evidence, remedies=remedies, variant="company"
            )
        ]
    train, evaluated = modes.train_mode_loss, modes.eval_mode_loss
    if train is None or evaluated is None:
        return []
    worse = evaluated - train
    valid = curve_of(observations.history, "valid_loss")
    matters = MATTERS * (observations.prior_loss or abs(train))
    if valid is not None and valid.lowest > 0:
        matters = min(matters, WORSE * valid.lowest)
    if worse <= 3 * modes.noise or worse <= WORSE * abs(train) or worse <= matters:
        return []
    evidence = {"train": train, "evaluated": evaluated}
    return [
        Finding(
            "train-eval-mismatch",
            severity,
            0.85,
            None,
            evidence,
            remedies=(without_fields("fresh-statistics"),),
        )
    ]
