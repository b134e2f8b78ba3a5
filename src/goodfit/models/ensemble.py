"""Ensemble: several networks whose predictions are averaged, as one network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.errors import InputError

__all__ = ["Ensemble"]


class Ensemble(nn.Module):
    """Networks of one shape whose predictions are averaged (Lakshminarayanan et al. 2017).

    Its outputs are such that what the loss makes of them is the mean of what it makes of each member's
    outputs: logarithms of mean probabilities for classes, the mean itself for values. So whatever predicts
    with a network, or judges one, does so with an ensemble.

    Parameters
    ----------
    members
        The networks.
    predictions
        What turns outputs into predictions: ``softmax``, ``sigmoid``, ``exp`` or ``identity``.

    Raises
    ------
    InputError
        When called: the networks return anything but one tensor, which cannot be averaged.

    Examples
    --------
    >>> twice = Ensemble([nn.Identity(), nn.Identity()], "softmax")
    >>> logits = torch.tensor([[0.0, 1.0]])
    >>> torch.allclose(twice(logits).softmax(1), logits.softmax(1))
    True
    """

    def __init__(self, members: Sequence[nn.Module], predictions: str = "identity") -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.predictions = predictions

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Return the outputs that stand for the mean prediction."""
        outputs = [each(*inputs, **named) for each in self.members]
        for given in outputs:
            if not isinstance(given, Tensor):
                raise InputError("population.ensemble-outputs", kind=type(given).__name__)
        return averaged(torch.stack(outputs), self.predictions)


def averaged(outputs: Tensor, predictions: str) -> Tensor:
    """Return outputs (members, rows, ...) as the outputs (rows, ...) whose predictions are the mean ones."""
    several = math.log(len(outputs))
    match predictions:
        case "softmax":
            classes = 2 if outputs.dim() > 2 else 1
            return outputs.log_softmax(classes).logsumexp(0) - several
        case "sigmoid":
            yes, no = F.logsigmoid(outputs).logsumexp(0), F.logsigmoid(-outputs).logsumexp(0)
            return yes - no
        case "exp":
            return outputs.logsumexp(0) - several
        case _:
            return outputs.mean(0)
