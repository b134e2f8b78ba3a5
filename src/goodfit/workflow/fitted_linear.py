"""The linear network begun where scikit-learn's solver ends, as regularised as validation asks for."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from goodfit.errors import InputError
from goodfit.evaluation.linear import Linear, fit_linear
from goodfit.judging import arrays_of
from goodfit.models.mlp import MLP
from goodfit.workflow.parts import Parts

__all__ = ["FITTED", "begin_fitted"]

FITTED = "fitted"
"""The initialisation by that name."""
LEAST_BIAS = -20.0
"""The logit of a class that no training row has."""


def begin_fitted(network: nn.Module, parts: Parts, seed: int) -> None:
    """Give a linear network of a table, in place, the weights of the linear baseline.

    Raises
    ------
    InputError
        The network is not linear, the rows are no table's, or nothing can be fitted to them.
    """
    fitted = None
    if parts.table is not None and isinstance(network, MLP) and len(network) == 1:
        (train_inputs, train_target), valid = parts.train.content, (parts.valid or parts.train).content
        fitted = fit_linear(
            (arrays_of(train_inputs), train_target.numpy()),
            (arrays_of(valid[0]), valid[1].numpy()),
            levels=parts.table.preparation.levels,
            n_classes=len(parts.classes) or None,
            seed=seed,
        )
    if not isinstance(fitted, Linear) or len(fitted.bias) != len(network[0].bias):  # type: ignore[index]
        raise InputError("initialization.fitted-linear")
    layer = network[0]  # type: ignore[index]
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(fitted.weights.T))
        layer.bias.copy_(torch.from_numpy(np.maximum(fitted.bias, LEAST_BIAS)))
        if fitted.tables:
            layer.table.copy_(torch.from_numpy(np.concatenate(fitted.tables)))
