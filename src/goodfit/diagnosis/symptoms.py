"""Which findings are only how a deeper fault looks from outside: what its check may list under EXPLAINS."""

from __future__ import annotations

__all__ = ["OF_CURVES", "OF_LAYERS", "OF_PROGRESS", "OF_SCORES"]

OF_CURVES = (
    "non-finite-loss",
    "diverging",
    "not-learning",
    "not-converged",
    "converged-early",
    "premature-convergence",
    "underfitting",
    "overfitting",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "loss-spikes",
    "oscillating",
    "noisy-validation",
    "loss-metric-disagreement",
    "class-collapse",
)
OF_SCORES = tuple(code for code in OF_CURVES if code not in ("non-finite-loss", "diverging"))
"""What validation rows can make look wrong; a loss that is lost is lost on any rows."""
OF_PROGRESS = (
    "not-converged",
    "overfitting",
    "underfitting",
    "learning-rate-too-high",
    "learning-rate-too-low",
    "noisy-validation",
    "validation-too-good",
)
"""What says that the loss could be lower, which matters only while there is something left to gain."""
OF_LAYERS = (
    "exploding-gradients",
    "vanishing-gradients",
    "dead-units",
    "saturated-units",
    "label-noise",
)
