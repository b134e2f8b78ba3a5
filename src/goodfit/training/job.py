"""Job: all that a training needs, made ready from a Recipe."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from goodfit.data.batches import Batch, Batches
from goodfit.evaluation.metrics import Metric
from goodfit.recipe import Recipe
from goodfit.training.averaging import WeightAverage
from goodfit.training.direct import DirectGradients
from goodfit.training.losses import Loss
from goodfit.training.optimizers import OptimizerFacts

__all__ = ["Job", "Step"]

Step = Callable[[nn.Module, Batch], Any]
"""A user's step: (model, batch) to the loss, or to (loss, outputs)."""


@dataclass(frozen=True, eq=False)
class Job:
    """All that a training needs, made ready.

    Parameters
    ----------
    model, loss, optimizer, facts
        What is trained, what is minimised, by what, and what that optimizer asks of a loop.
    schedule
        The factor on the learning rate by the number of updates done; None where it is always 1.
    train, valid, sample
        The training batches, the validation batches, and the fixed part of the training rows that
        ``train_loss`` is measured on.
    metrics
        What is reported of each epoch.
    average
        The averaged weights that are evaluated and kept in place of the model's own.
    step
        Takes the place of calling the model on the inputs and the loss on outputs and target.
    penalized
        The weights of the L1 penalty.
    scaler
        Scales the loss under float16.
    classes
        Number of classes, for label noise.
    convert
        Whether targets arrive in types that the loss cannot take as they are.
    direct
        The gradients without autograd, bit for bit the same, where the network is a chain of known layers.
    vitals
        Whether the layers are measured now and then.
    update, zero_grad
        The optimizer's own, without their bookkeeping; made when the training begins.
    decode
        Brings targets and predictions back to the data's own units, in which metrics are reported.
    multiplications
        What a row takes on its way through the network; 0 where that was not counted.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer
    facts: OptimizerFacts
    recipe: Recipe
    device: torch.device
    train: Batches
    valid: Batches | None = None
    sample: Batches | None = None
    metrics: tuple[Metric, ...] = ()
    schedule: Callable[[int], float] | None = None
    average: WeightAverage | None = None
    step: Step | None = None
    penalized: tuple[Tensor, ...] = ()
    scaler: torch.amp.GradScaler | None = None
    classes: int | None = None
    convert: bool = False
    direct: DirectGradients | None = None
    vitals: bool = True
    update: Callable[[], Any] | None = None
    zero_grad: Callable[[], None] | None = None
    decode: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    multiplications: float = 0.0

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context of the recipe's precision."""
        if self.recipe.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.recipe.precision))
