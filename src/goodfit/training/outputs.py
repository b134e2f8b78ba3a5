"""A network called with inputs of any form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from goodfit.training.job import Job

__all__ = ["call", "described", "outputs_of"]


def call(model: nn.Module, inputs: Any) -> Any:
    """Return the model's outputs: a tensor is one argument, a tuple or list several, a dict named ones."""
    if isinstance(inputs, (tuple, list)) and not isinstance(inputs, PackedSequence):
        return model(*inputs)
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(inputs)


def outputs_of(job: Job, inputs: Any) -> Any:
    """Return the model's outputs, in float32 where it computed in less: a loss sums many small numbers."""
    outputs = call(job.model, inputs)
    narrow = job.recipe.precision != "float32" and isinstance(outputs, Tensor)
    return outputs.float() if narrow else outputs


def described(inputs: Any) -> str:
    """Return the shapes of nested tensors, for a message."""
    if isinstance(inputs, Tensor):
        return f"{tuple(inputs.shape)} {str(inputs.dtype).removeprefix('torch.')}"
    if isinstance(inputs, Mapping):
        return "{" + ", ".join(f"{key}: {described(item)}" for key, item in inputs.items()) + "}"
    if isinstance(inputs, (tuple, list)):
        return "(" + ", ".join(described(item) for item in inputs) + ")"
    return type(inputs).__name__
