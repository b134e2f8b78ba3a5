"""torch.compile around a training, where the recipe asks for it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from goodfit.errors import InputError

__all__ = ["compiled", "eager"]


@contextmanager
def compiled(network: nn.Module, wanted: bool) -> Iterator[None]:
    """Call the network compiled inside, if ``wanted``; afterwards it is as it was.

    It is never done unasked: on a CPU it gains little, if anything (``benchmarks/compiling.py``).

    Raises
    ------
    InputError
        The network cannot be compiled, or there is no compiler.
    """
    if not wanted or network._compiled_call_impl is not None:
        yield
        return
    with warnings.catch_warnings():  # the compiler's own modules use what torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        network.compile()
    try:
        yield
    except RuntimeError as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        raise InputError("training.compile-failed", problem=str(error).strip().splitlines()[0]) from error
    finally:
        network._compiled_call_impl = None


@contextmanager
def eager(network: nn.Module) -> Iterator[None]:
    """Call the network uncompiled inside, so that the hooks of its layers are heeded."""
    compiled_call, network._compiled_call_impl = network._compiled_call_impl, None
    try:
        yield
    finally:
        network._compiled_call_impl = compiled_call
