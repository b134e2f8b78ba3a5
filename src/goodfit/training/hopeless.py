"""When going on is a waste: a loss far above that of the untrained network, still growing; a dead network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from goodfit.observations import EndedBy
from goodfit.training.state import TrainingState
from goodfit.vitals import LayerRow

__all__ = ["hopeless"]

BEYOND = 10.0
"""How many times the loss that the training began with a diverging one has reached."""
IN_A_ROW = 3
"""Epochs, or measurements of the layers, that must say the same."""


def hopeless(state: TrainingState) -> EndedBy | None:
    """Return why a training cannot come to anything any more, None while it can.

    Diverging: in three epochs in a row the loss has grown, and is ten times that of the first epoch and of
    the untrained network. Dead: in three measurements in a row the outputs are the same for every row, and no
    gradient reaches any layer but the last, not even in rounding; nothing can change that.
    """
    if _diverges(state):
        return "diverging"
    return "dead-network" if _is_dead(state.vitals) else None


def _diverges(state: TrainingState) -> bool:
    losses = [row.get("running_loss", 0.0) for row in state.rows]
    start = state.start_loss
    if start is None or not start > 0 or len(losses) <= IN_A_ROW or not losses[0] > 0:
        return False
    last = losses[-IN_A_ROW - 1 :]
    grows = all(later > earlier for earlier, later in pairwise(last))
    return grows and min(last[1:]) > BEYOND * max(start, losses[0])


def _is_dead(rows: Sequence[LayerRow]) -> bool:
    epochs = sorted({row["epoch"] for row in rows if row["epoch"] > 0})[-IN_A_ROW:]
    return len(epochs) == IN_A_ROW and all(
        _dead_layers([row for row in rows if row["epoch"] == epoch]) for epoch in epochs
    )


def _dead_layers(rows: Sequence[LayerRow]) -> bool:
    weighted = [row for row in rows if "alike" in row and "gradient_norm" in row]
    if len(weighted) < 2 or weighted[-1].get("spread") != 0:
        return False
    return all(row["gradient_norm"] == 0 for row in weighted[:-1])
