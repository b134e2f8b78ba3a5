"""Units that never respond, are pinned at their bounds, and parameters that never move."""

from __future__ import annotations

import numpy as np

from goodfit.diagnosis.harm import alarm
from goodfit.diagnosis.layers import at_start, last_known
from goodfit.diagnosis.remedies import lower_rate, without_fields
from goodfit.diagnosis.symptoms import OF_CURVES
from goodfit.finding import Cause, Finding, Remedy, Severity
from goodfit.observations import Observations
from goodfit.probes import ParameterFacts
from goodfit.vitals import Vitals

__all__ = ["EXPLAINS", "find"]

EXPLAINS = {
    "dead-units": (*OF_CURVES, "vanishing-gradients", "exploding-gradients", "label-noise"),
    "saturated-units": (*OF_CURVES, "vanishing-gradients", "label-noise"),
    "frozen-parameters": (*OF_CURVES, "vanishing-gradients", "label-noise", "gradients-accumulate"),
}
DEAD = 0.9
MANY_DEAD = 0.5
SATURATED = 0.8
STILL = 0.6
FROZEN_SHARE = 0.02


def find(observations: Observations) -> list[Finding]:
    """Find layers of dead or saturated units, and trainable parameters that no update reaches."""
    found = _frozen(observations)
    vitals = observations.vitals
    if vitals is not None and len(vitals):
        found += _dead(observations, vitals) + _saturated(observations, vitals)
    return found


def _dead(observations: Observations, vitals: Vitals) -> list[Finding]:
    dead = vitals["dead"]
    measured = ~np.isnan(dead).all(axis=0)
    if not measured.any():
        return []
    last = np.nan_to_num(last_known(vitals, "dead"), nan=-1.0)
    column = int(last.argmax())
    share = float(last[column])
    if share < MANY_DEAD:
        return []
    severity: Severity = alarm(observations) if share >= DEAD else "info"
    since = int(np.argmax(dead[:, column] >= min(share, DEAD) - 1e-9))
    born = bool(vitals.epochs[since] == 0)
    start = at_start(vitals, "dead")
    evidence = {"layer": vitals.layers[column], "share": share}
    causes = (
        (Cause("bad-initialization", 0.7), Cause("unscaled-inputs", 0.2))
        if born or start is None
        else (Cause("learning-rate-too-high", 0.8), Cause("unscaled-inputs", 0.1))
    )
    recipe = observations.recipe
    leaky = {"activation": "leaky_relu"} if recipe is not None and recipe.activation == "relu" else {}
    remedies = (Remedy("leaky-activation", leaky), lower_rate(recipe), without_fields("check-biases"))
    if born:
        remedies = (remedies[2], remedies[0], remedies[1])
    confidence = 0.6 if severity == "info" else 0.95 if born else 0.7
    epoch = float(vitals.epochs[since])
    return [Finding("dead-units", severity, confidence, epoch, evidence, causes, remedies=remedies)]


def _saturated(observations: Observations, vitals: Vitals) -> list[Finding]:
    # The last layer's outputs are meant to reach their bounds.
    saturated = vitals["saturated"][:, :-1]
    if not saturated.shape[1] or np.isnan(saturated).all():
        return []
    last = np.nan_to_num(last_known(vitals, "saturated")[:-1], nan=-1.0)
    column = int(last.argmax())
    share = float(last[column])
    severity = alarm(observations)
    start = at_start(vitals, "saturated")
    born = start is not None and bool(start[column] >= SATURATED)
    if born and share >= STILL and severity == "info":
        severity = "warning"  # random bounds that were never learned
    if share < (STILL if born else SATURATED) or severity == "info":
        return []
    since = float(vitals.epochs[np.argmax(saturated[:, column] >= min(share, SATURATED))])
    evidence = {"layer": vitals.layers[column], "share": share}
    causes = (Cause("bad-initialization", 0.4), Cause("unscaled-inputs", 0.3))
    remedies = (without_fields("smaller-start"), lower_rate(observations.recipe))
    sure = 0.9 if born else 0.7
    return [Finding("saturated-units", severity, sure, since, evidence, causes, remedies=remedies)]


def _frozen(observations: Observations) -> list[Finding]:
    facts = [item for item in observations.parameters or () if item.trainable]
    whole = sum(item.elements for item in facts)
    if not whole:
        return []
    left_out = [item for item in facts if not item.optimized]
    if left_out:
        return [_frozen_finding(observations, left_out, whole, None)]
    # A loop that stopped at its first loss has given nobody a gradient.
    if not any(item.has_gradient for item in facts):
        return []
    idle = [item for item in facts if not item.has_gradient]
    if not idle:
        return []
    reached = _reached(observations.vitals)
    detached = [item for item in idle if item.name.rpartition(".")[0] in reached]
    if detached:
        return [_frozen_finding(observations, detached, whole, "detached")]
    return [_frozen_finding(observations, idle, whole, "unused")]


def _reached(vitals: Vitals | None) -> set[str]:
    """Return the layers that rows pass through."""
    if vitals is None:
        return set()
    passed = np.flatnonzero(~np.isnan(vitals["mean"]).all(axis=0))
    return {vitals.layers[column] for column in passed}


def _frozen_finding(
    observations: Observations, frozen: list[ParameterFacts], whole: int, variant: str | None
) -> Finding:
    share = sum(item.elements for item in frozen) / whole
    severity: Severity = "info" if variant == "unused" or share < FROZEN_SHARE else "warning"
    if severity == "warning" and alarm(observations) == "error":
        severity = "error"
    remedy = {None: "give-all-parameters", "detached": "let-gradients-through", "unused": "remove-unused"}
    return Finding(
        "frozen-parameters",
        severity,
        0.95,
        None,
        {"share": share, "count": len(frozen), "name": frozen[0].name},
        remedies=(without_fields(remedy[variant]),),
        variant=variant,
    )
