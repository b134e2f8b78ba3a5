"""Outputs that are not what the loss takes them for."""

from __future__ import annotations

from goodfit.diagnosis.harm import useless
from goodfit.diagnosis.remedies import without_fields
from goodfit.diagnosis.symptoms import OF_CURVES, OF_LAYERS
from goodfit.finding import Finding, Severity
from goodfit.observations import Observations
from goodfit.probes import OutputProbe

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {
    "loss-output-mismatch": (
        *OF_CURVES,
        *OF_LAYERS,
        "bad-initialization",
        "validation-too-good",
    )
}
SQUASHED = ("Sigmoid", "Softmax", "Softmax2d", "Hardsigmoid")
FEW_VALUES = 20
SPARE = 2


def find(observations: Observations) -> list[Finding]:
    """Find outputs in the wrong form for the loss: probabilities for logits, shapes that broadcast."""
    outputs = observations.outputs
    if outputs is None or outputs.rows < 8:
        return []
    variant, severity = _mismatch(observations, outputs)
    if variant is None:
        return []
    evidence = {
        "loss": outputs.loss,
        "units": outputs.units,
        "classes": _classes(observations) or 0,
        "layer": outputs.last_layer,
        "values": outputs.whole_targets or 0,
    }
    remedy = {
        "probabilities": "no-final-softmax",
        "squashed": "no-final-sigmoid",
        "no-logarithm": "log-softmax",
        "broadcast": "same-shapes",
        "spare": "units-as-classes",
        "class-numbers": "loss-for-classes",
    }
    if severity != "info" and (variant in ("squashed", "broadcast") or useless(observations)):
        severity = "error"
    return [
        Finding(
            "loss-output-mismatch",
            severity,
            0.95 if severity != "info" else 0.6,
            None,
            evidence,
            remedies=(without_fields(remedy[variant]),),
            variant=variant,
        )
    ]


def _classes(observations: Observations) -> int | None:
    data = observations.data
    if data is None or data.class_counts is None:
        return observations.classes
    return sum(1 for count in data.class_counts if count)


def _mismatch(observations: Observations, outputs: OutputProbe) -> tuple[str | None, Severity]:
    if outputs.broadcast:
        return "broadcast", "warning"
    if outputs.loss == "cross_entropy" and outputs.like_probabilities:
        return "probabilities", "warning"
    if outputs.loss == "nll" and outputs.like_probabilities:
        return "no-logarithm", "warning"
    squashed = outputs.last_layer in SQUASHED or (outputs.span is not None and outputs.span > 0.8)
    if outputs.loss in ("bce", "cross_entropy") and outputs.within_unit and squashed:
        return "squashed", "warning"
    classes = _classes(observations)
    if outputs.loss in ("cross_entropy", "nll") and classes and outputs.units > SPARE * classes:
        return "spare", "info"
    few = outputs.whole_targets is not None and 2 <= outputs.whole_targets <= FEW_VALUES
    if outputs.loss in ("mse", "mae", "huber") and few and outputs.units == 1 and outputs.rows >= 100:
        return "class-numbers", "info"
    return None, "info"
