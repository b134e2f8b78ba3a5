"""How much arithmetic a network does for a row; the number of threads is chosen by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, jit, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.rnn import PackedSequence

__all__ = ["counting_multiplications"]


@contextmanager
def counting_multiplications(network: nn.Module) -> Iterator[list[float]]:
    """Gather the multiplications of the calls of ``network`` inside: one number for each layer called.

    A weight counts as often as it is used: in a convolution at each place of the output, in a recurrent or a
    linear layer at each place of the sequence. What has no layer (attention's products of activations) does
    not count, nor do tables that rows are looked up in. Of compiled networks nothing is gathered.
    """
    found: list[float] = []

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            return
        weights = sum(weight.numel() for weight in module.parameters(recurse=False) if weight.ndim > 1)
        result = output[0] if isinstance(output, tuple) else output
        result = result.data if isinstance(result, PackedSequence) else result
        if weights and isinstance(result, Tensor) and result.numel():
            units = result.shape[1 if isinstance(module, _ConvNd) else -1] if result.ndim > 1 else 1
            found.append(weights * result.numel() / units)

    modules = list(network.modules())
    compiled = any(isinstance(module, jit.ScriptModule) or _is_compiled(module) for module in modules)
    handles = [] if compiled else [module.register_forward_hook(count) for module in modules]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
