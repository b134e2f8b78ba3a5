"""How badly a training went, by what its network is worth and not by how its insides look.

An anomaly of layers, data or outputs that costs nothing is information and no alarm.
"""

from __future__ import annotations

import math

from goodfit.diagnosis.curves import curve_of
from goodfit.finding import Severity
from goodfit.observations import Observations

__all__ = ["alarm", "behind_simple", "harm", "solved", "useless"]

LITTLE = 0.02
BEHIND = 0.05
NOTHING = 0.01


def harm(observations: Observations) -> float | None:
    """Return 1 where the network is no better than a constant answer, 0 where nothing is known to be lost.

    Between them: how far it falls behind a simple model, as a share of what that gains on a constant. None
    where there is nothing to compare with.
    """
    broken = useless(observations)
    if broken:
        return 1.0
    behind = behind_simple(observations)
    if broken is None and behind is None:
        return None
    return min(1.0, behind or 0.0)


def useless(observations: Observations) -> bool | None:
    """Say whether the network is no better than the best constant answer, None where that is not known."""
    history = observations.history
    if history.ended_by in ("non-finite-loss", "diverging", "dead-network"):
        return True
    outputs, data = observations.outputs, observations.data
    if outputs is not None and not outputs.varies:
        return True
    valid = curve_of(history, "valid_loss") or curve_of(history, "train_loss")
    prior = observations.prior_loss
    if prior is None and outputs is not None and outputs.loss in ("cross_entropy", "bce") and outputs.actual:
        prior = -sum(share * math.log(share) for share in outputs.actual if share > 0)
    if valid is not None and prior is not None and prior > 0:
        return valid.lowest > (1 - LITTLE) * prior
    if outputs is None or outputs.score is None or data is None or data.chance_score is None:
        return None
    error = 0.0 if outputs.actual is None else 1 / math.sqrt(max(1, outputs.rows))
    return outputs.score <= data.chance_score + max(LITTLE, error)


def behind_simple(observations: Observations) -> float | None:
    """Return how far the network falls behind a simple model, as a share of the latter's gain on a constant.

    Simple are a linear model and the nearest neighbours. None where there is none to compare with, 0 where
    the network is not surely behind.
    """
    found = []
    valid = curve_of(observations.history, "valid_loss")
    linear, prior = observations.linear_loss, observations.prior_loss
    if valid is not None and linear is not None and prior is not None and prior > linear > 0:
        lost = (valid.lowest - linear) / (prior - linear)
        found.append(lost if lost > BEHIND else 0.0)
    outputs, data, labels = observations.outputs, observations.data, observations.labels
    scores = [None if data is None else data.linear_score, None if labels is None else labels.crossed_score]
    known = [score for score in scores if score is not None]
    if outputs is not None and outputs.score is not None and known and data is not None:
        best = max(known)
        gain = best - (data.chance_score or 0.0)
        lost = best - outputs.score
        error = math.sqrt(max(0.0, best * (1 - best)) / outputs.rows) if outputs.actual else 0.0
        found.append(lost / gain if gain > BEHIND and lost > max(BEHIND, 2.5 * error) else 0.0)
    return max(found) if found else None


def alarm(observations: Observations, least: float = 0.1) -> Severity:
    """Return error where the network is useless, warning where it is behind, information otherwise."""
    lost = harm(observations)
    if lost is None or lost < least:
        return "info"
    return "error" if useless(observations) else "warning"


def solved(observations: Observations) -> bool:
    """Say whether classes are told so well that there is nothing left to gain, however the loss still moves.

    That is a validation loss that stays below 1 % of what always giving the same answer costs.
    """
    valid, prior = curve_of(observations.history, "valid_loss"), observations.prior_loss
    if valid is None or prior is None or prior <= 0 or observations.task not in ("binary", "multiclass"):
        return False
    return bool(max(valid.last, float(valid.values[-1])) < NOTHING * prior)
