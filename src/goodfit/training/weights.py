"""A network's weights as plain tensors: copied out, put back."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["copy_weights", "load_weights"]


def copy_weights(model: nn.Module, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Return a copy of the parameters and buffers, reusing the memory of ``into`` where it fits."""
    current = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    if into is None or into.keys() != current.keys():
        return {name: value.detach().clone() for name, value in current.items()}
    with torch.no_grad():
        for name, value in current.items():
            into[name].copy_(value)
    return into


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put ``weights`` into the model, in place.

    Raises
    ------
    KeyError
        A parameter or buffer of the model is not among them.
    RuntimeError
        One of them has another shape.
    """
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not isinstance(value, Tensor):
                continue
            if weights[name].shape != value.shape:
                raise RuntimeError(f"{name} is {tuple(weights[name].shape)} and not {tuple(value.shape)}")
            value.copy_(weights[name])
