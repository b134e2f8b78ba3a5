"""How far a training has come: everything that a checkpoint must hold beside weights and optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from goodfit.observations import EndedBy, History
from goodfit.training.plateau import Plateau
from goodfit.training.randomness import RandomState
from goodfit.training.stopping import Best
from goodfit.vitals import LayerRow

__all__ = ["Row", "TrainingState", "to_history"]

Row = dict[str, float]
"""One evaluation: the names of the curves and their values."""


@dataclass
class TrainingState:
    """How far a training has come; the loop changes it, nothing else does.

    Parameters
    ----------
    best
        The best value so far and patience's count.
    epoch, batch, step
        Whole epochs done, batches done in the current one, updates done in all.
    rows
        The History so far.
    best_weights
        The weights of the best epoch, buffers included.
    losses, loss_weights
        Mean loss of each update of the current epoch, and what it counts for: its rows, unless classes are
        weighted.
    seconds
        Training time so far, in this process and in those that a resumed run had before.
    vitals
        How the layers were doing at the epochs that were measured.
    start_loss
        Loss of a few training rows before the first update.
    plateau
        The state of reduce-on-plateau, None for the schedules that need none.
    generators
        States of the random generators of one's own loader or Dataset as they were when the current epoch
        began.
    random
        Random states to go on with in the middle of an epoch; None but just after a resume.
    """

    best: Best
    epoch: int = 0
    batch: int = 0
    step: int = 0
    rows: list[Row] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None
    losses: list[Tensor] = field(default_factory=list)
    loss_weights: list[Tensor | float] = field(default_factory=list)
    plateau: Plateau | None = None
    generators: dict[str, Tensor] = field(default_factory=dict)
    random: RandomState | None = None
    seconds: float = 0.0
    vitals: list[LayerRow] = field(default_factory=list)
    start_loss: float | None = None

    @property
    def rate_factor(self) -> float:
        """What reduce-on-plateau makes of the learning rate."""
        return 1.0 if self.plateau is None else self.plateau.factor


def to_history(
    rows: list[Row], *, monitor: str, best_epoch: float | None, ended_by: EndedBy | None
) -> History:
    """Return the rows as a History; what a row lacks is NaN."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns: Mapping[str, Any] = {
        name: np.array([row.get(name, np.nan) for row in rows], dtype=np.float64) for name in names
    }
    return History(columns, monitor=monitor, best_epoch=best_epoch, ended_by=ended_by)
