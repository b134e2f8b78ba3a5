"""The best constant prediction, as outputs of a network."""

from __future__ import annotations

import torch
from torch import Tensor

from goodfit.training.loss_table import Loss

__all__ = ["prior_outputs"]


def prior_outputs(loss: Loss, target: Tensor, units: int) -> Tensor | None:
    """Return the outputs of the best constant prediction, shape (units,); None where that is not known.

    Log class shares for labels, log odds for ``bce``, the mean for ``mse``, the median for ``mae`` and
    ``huber``, the mean's logarithm for ``poisson``. Shares of 0 and 1 count as half a row.
    """
    rows, kind = len(target), loss.facts.target
    if kind == "any" or rows == 0:
        return None
    if kind == "labels":
        if target.is_floating_point():
            shares = target.flatten(1).mean(1) if target.dim() == 1 else target.mean(0)
        else:
            shares = (
                torch.bincount(target[(target >= 0) & (target < units)].flatten(), minlength=units) / rows
            )
        prior = shares.clamp_min(0.5 / rows).log()
    else:
        columns = target.float().reshape(rows, -1)
        mean = columns.mean(0)
        if kind == "binary":
            prior = torch.logit(mean.clamp(0.5 / rows, 1 - 0.5 / rows))
        elif kind == "counts":
            prior = mean.clamp_min(0.5 / rows).log() if loss.facts.predictions == "exp" else mean
        else:
            prior = mean if loss.name == "mse" else columns.median(0).values
    return prior.float() if prior.shape == (units,) and bool(prior.isfinite().all()) else None
