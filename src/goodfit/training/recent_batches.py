"""The last batches that went through a network, to send few of their rows through once more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.training.vitals import VITAL_ROWS

__all__ = ["RecentBatches"]

MOST_CALLS = 32
"""Batches that are remembered so that there are rows enough to look at."""


class RecentBatches:
    """The last batches that went through a network in training.

    What is remembered are the outermost calls of modules with parameters: a loop may call parts of a network
    and never the whole.
    """

    def __init__(self, model: nn.Module | None = None) -> None:
        self._model = model
        self._held: deque[tuple[nn.Module, tuple[Any, ...], dict[str, Any], int]] = deque(maxlen=MOST_CALLS)
        self._handles: list[Any] = []
        self._depth = 0
        self._own: set[int] = set()
        self._paused = False
        self._size = 1

    @property
    def some(self) -> bool:
        """Whether anything is remembered."""
        return bool(self._held)

    @property
    def needed(self) -> int:
        """How many batches of the last one's size make rows enough."""
        return min(MOST_CALLS, -(-VITAL_ROWS // max(1, self._size)))

    def start(self) -> None:
        """Remember from now on."""
        if self._handles or self._model is None:
            return
        self._depth = 0
        for module in self._model.modules():
            if any(True for _ in module.parameters()):
                self._own.add(id(module))
                self._handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
                self._handles.append(module.register_forward_hook(self._leave, always_call=True))

    def stop(self) -> None:
        """Remember nothing more, and forget."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._held.clear()

    def again(self) -> None:
        """Send at most `VITAL_ROWS` of the remembered rows through what they went through."""
        with self._resting():
            joined: dict[int, tuple[nn.Module, list[tuple[tuple[Any, ...], dict[str, Any], int]]]] = {}
            for module, inputs, named, rows in self._held:
                joined.setdefault(id(module), (module, []))[1].append((inputs, named, rows))
            for module, calls in joined.values():
                inputs, named = _stacked(calls)
                module(*inputs, **named)

    @contextmanager
    def _resting(self) -> Iterator[None]:
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def _enter(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._paused or id(module) not in self._own:
            return
        if self._depth == 0 and module.training and torch.is_grad_enabled():
            rows = _rows((inputs, named))
            self._size = rows
            self._held.append((module, _detached(inputs), _detached(named), rows))
            self._forget()
        self._depth += 1

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if not self._paused and id(module) in self._own:
            self._depth = max(0, self._depth - 1)

    def _forget(self) -> None:
        """Keep no more batches of a module than there are rows to be looked at."""
        newest = self._held[-1][0]
        same = [call for call in self._held if call[0] is newest]
        if sum(rows for *_, rows in same[1:]) >= VITAL_ROWS:
            self._held = deque((call for call in self._held if call is not same[0]), maxlen=MOST_CALLS)

    # A network that is copied or pickled while it is watched takes none of this with it.
    def __deepcopy__(self, memo: Any) -> RecentBatches:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return RecentBatches, ()


def _stacked(
    calls: list[tuple[tuple[Any, ...], dict[str, Any], int]],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the inputs of several calls as those of one where they can be joined; else the last's."""
    inputs, named, rows = calls[-1]
    tensors = [_leaves(call[:2]) for call in calls]
    alike = all(
        len(one) == len(tensors[-1])
        and all(
            a.ndim and a.shape[1:] == b.shape[1:] and len(a) == call[2]
            for a, b in zip(one, tensors[-1], strict=True)
        )
        for one, call in zip(tensors, calls, strict=True)
    )
    plain = not named and all(isinstance(item, Tensor) for call in calls for item in call[0])
    if alike and plain and len(calls) > 1:
        columns = zip(*(call[0] for call in calls), strict=True)
        return tuple(torch.cat([*column])[-VITAL_ROWS:] for column in columns), {}
    if rows > VITAL_ROWS and plain and alike:
        return tuple(item[:VITAL_ROWS] for item in inputs), {}
    return inputs, named


def _leaves(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _leaves(item)]
    return []


def _rows(value: Any) -> int:
    return next((len(leaf) for leaf in _leaves(value) if leaf.ndim), 0)


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if type(value) is dict:
        return {name: _detached(item) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_detached(item) for item in value)
    return value
