"""A network called with inputs of any form."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from goodfit.training.job import Job

__all__ = ["call", "outputs_of"]


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
