"""Ensemble: several networks whose predictions are averaged, as one network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goodfit.errors import InputError

__all__ = ["Ensemble"]


class Ensemble(nn.Module):
    """Networks whose predictions are averaged (Lakshminarayanan et al. 2017).

    Its outputs are such that what the loss makes of them is the (weighted) mean of what it makes of each
    member's outputs: logarithms of mean probabilities for classes, the mean itself for values. So whatever
    predicts with a network, or judges one, does so with an ensemble.

    Parameters
    ----------
    members
        The networks.
    predictions
        What turns outputs into predictions: ``softmax``, ``sigmoid``, ``exp`` or ``identity``.
    weights
        What each member counts, positive and 1 together; None: all the same.

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

    weights: Tensor | None

    def __init__(
        self,
        members: Sequence[nn.Module],
        predictions: str = "identity",
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.predictions = predictions
        self.register_buffer("weights", None if weights is None else torch.tensor(weights))

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Return the outputs that stand for the mean prediction."""
        outputs = [each(*inputs, **named) for each in self.members]
        for given in outputs:
            if not isinstance(given, Tensor):
                raise InputError("population.ensemble-outputs", kind=type(given).__name__)
        return averaged(torch.stack(outputs), self.predictions, self.weights)


def averaged(outputs: Tensor, predictions: str, weights: Tensor | None = None) -> Tensor:
    """Return outputs (members, rows, ...) as the outputs (rows, ...) whose predictions are the mean ones.

    Parameters
    ----------
    weights
        What each member counts, shape (members,), 1 together; None: all the same.
    """
    equal = outputs.new_full((len(outputs),), 1 / len(outputs))
    counts = equal if weights is None else weights.to(outputs)
    counts = counts.reshape(-1, *(1,) * (outputs.dim() - 1))
    match predictions:
        case "softmax":
            classes = 2 if outputs.dim() > 2 else 1
            return (outputs.log_softmax(classes) + counts.log()).logsumexp(0)
        case "sigmoid":
            yes, no = F.logsigmoid(outputs) + counts.log(), F.logsigmoid(-outputs) + counts.log()
            return yes.logsumexp(0) - no.logsumexp(0)
        case "exp":
            return (outputs + counts.log()).logsumexp(0)
        case _:
            return (outputs * counts).sum(0)
