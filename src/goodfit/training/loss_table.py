"""The losses by name: torch's function, what it takes as target, and what predictions its outputs mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor

from goodfit.choice import Number, Switch

__all__ = ["ALIASES", "LOSSES", "Loss", "LossFacts"]

Function = Callable[[Any, Any], Tensor]
Targets = Literal["values", "binary", "labels", "counts", "any"]


@dataclass(frozen=True)
class LossFacts:
    """What is known of a loss by its name.

    Parameters
    ----------
    function
        torch's function of outputs and target, with ``reduction``.
    target
        What the target holds: ``values`` of the outputs' shape; ``binary``, the same between 0 and 1;
        ``labels``, class numbers or probabilities; ``counts``, values that are not negative; ``any``.
    predictions
        What turns outputs into predictions: a name of `to_predictions`.
    options
        Its options, with defaults and ranges.
    """

    function: Callable[..., Tensor] | None
    target: Targets
    predictions: Literal["identity", "softmax", "sigmoid", "exp"]
    options: Mapping[str, Number | Switch] = field(default_factory=dict)


_SMOOTHING = Number(0.0, low=0, high=1)
_IGNORED = Number(None, whole=True)

LOSSES: Mapping[str, LossFacts] = {
    "mse": LossFacts(F.mse_loss, "values", "identity"),
    "mae": LossFacts(F.l1_loss, "values", "identity"),
    "huber": LossFacts(F.huber_loss, "values", "identity", {"delta": Number(1.0, low=0, open_low=True)}),
    "bce": LossFacts(
        F.binary_cross_entropy_with_logits,
        "binary",
        "sigmoid",
        {"pos_weight": Number(None, low=0, open_low=True), "label_smoothing": _SMOOTHING},
    ),
    "cross_entropy": LossFacts(
        F.cross_entropy, "labels", "softmax", {"label_smoothing": _SMOOTHING, "ignore_index": _IGNORED}
    ),
    "nll": LossFacts(F.nll_loss, "labels", "exp", {"ignore_index": _IGNORED}),
    "poisson": LossFacts(
        F.poisson_nll_loss,
        "counts",
        "exp",
        {"log_input": Switch(True), "full": Switch(False), "eps": Number(1e-8, low=0, open_low=True)},
    ),
}
ALIASES: Mapping[str, str] = {"l1": "mae"}


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss made ready.

    Parameters
    ----------
    name
        Its name in the table, or that of the user's function or class.
    facts
        What is known of it.
    objective
        What is differentiated: outputs and target to a scalar, the mean over rows (the sum, for a user's own
        loss that sums).
    total
        The sum over rows (over elements, for several columns).
    weight
        What the sum is divided by to give the mean: rows (or elements), or the weights of the rows' classes.
    reduction
        ``"sum"`` where the objective is a sum: divide by the rows for the loss per row.
    ignored
        The label that is left out, if any.
    settings
        The values of its options, and ``weight``, those of the classes; None for a user's own function.
    temperature
        What logits are divided by before they become probabilities, once the network is trained.
    """

    name: str
    facts: LossFacts
    objective: Function
    total: Function
    weight: Callable[[Any, Any], Tensor | float]
    reduction: Literal["mean", "sum"] = "mean"
    ignored: int | None = None
    settings: Mapping[str, Any] | None = None
    temperature: float = 1.0

    def __call__(self, outputs: Any, target: Any) -> Tensor:
        """Return the objective."""
        return self.objective(outputs, target)

    def sum_and_weight(self, outputs: Any, target: Any) -> tuple[Tensor, Tensor | float]:
        """Return the batch's summed loss and the weight of its rows.

        The loss of a set is the sum of sums over the sum of weights, whatever the batches. With class weights
        that is torch's weighted mean: each row's loss times its class's weight, over the sum of those weights
        (for targets that are probabilities, over the rows).
        """
        return self.total(outputs, target), self.weight(outputs, target)
