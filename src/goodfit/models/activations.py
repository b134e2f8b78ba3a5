"""Activations by name, each with the gain that keeps the signal's size from layer to layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from goodfit.choice import choose

__all__ = ["ACTIVATIONS", "Activation", "activation_named"]


@dataclass(frozen=True)
class Activation:
    """What follows a hidden layer.

    Parameters
    ----------
    module
        Builds the module.
    gain
        Factor on the standard deviation of the weights before it. torch's (`nn.init.calculate_gain`)
        where torch has one; for elu, gelu and silu ``1 / sqrt(E f(z)^2)`` with z standard normal, the same
        rule that gives sqrt(2) for relu (He et al. 2015).
    saturates
        Flat on both sides, so that Xavier's rule (Glorot & Bengio 2010) is the automatic choice.
    """

    module: Callable[[], nn.Module]
    gain: float
    saturates: bool = False


ACTIVATIONS: Mapping[str, Activation] = {
    "relu": Activation(nn.ReLU, math.sqrt(2)),
    "leaky_relu": Activation(nn.LeakyReLU, math.sqrt(2 / (1 + 0.01**2))),
    "elu": Activation(nn.ELU, 1.2452),
    "gelu": Activation(nn.GELU, 1.5335),
    "silu": Activation(nn.SiLU, 1.6765),
    "tanh": Activation(nn.Tanh, 5 / 3, saturates=True),
    "sigmoid": Activation(nn.Sigmoid, 1.0, saturates=True),
}


def activation_named(name: str) -> Activation:
    """Return the activation ``name``.

    Raises
    ------
    InputError
        There is no activation of that name.
    """
    return choose(ACTIVATIONS, name, "model.activation")
