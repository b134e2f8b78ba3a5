"""Parts: what a training, a validation and a test are done on, ready to be put into batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from goodfit.data.batches import (
    Batches,
    DatasetBatches,
    LoaderBatches,
    TensorBatches,
    first_tensor,
    tensors_of,
)
from goodfit.data.facts import TableFacts
from goodfit.data.table import Source
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["Part", "Parts", "evaluation_size", "make_batches", "part_of", "pick", "rows_of", "target_of"]

EVALUATED_ELEMENTS = 2**18
"""Elements of the inputs that are evaluated at once, unless a training batch holds more."""


@dataclass(frozen=True, eq=False)
class Part:
    """Rows to train on, to validate or to test on, in one of three forms.

    Parameters
    ----------
    kind
        ``tensors``: ``content`` is (inputs, target); ``dataset``: a map-style Dataset; ``loader``: an
        iterable that delivers batches.
    """

    kind: Literal["tensors", "dataset", "loader"]
    content: Any


@dataclass(frozen=True, eq=False)
class Parts:
    """What a training is done on.

    Parameters
    ----------
    train, valid, test
        The rows of each; None where there are none.
    task
        ``binary``, ``multiclass``, ``regression``, or None where the loss says nothing about it.
    classes
        The classes in sorted order; empty where there are none.
    table
        What is known of the table that the rows come from, None for one's own tensors and loaders.
    source
        Where the rows come from.
    """

    train: Part
    valid: Part | None = None
    test: Part | None = None
    task: Literal["binary", "multiclass", "regression"] | None = None
    classes: tuple[Any, ...] = ()
    table: TableFacts | None = None
    source: Source = field(default_factory=lambda: Source("data", container="array"))
    notes: tuple[Message, ...] = ()


def part_of(data: Any, name: str) -> Part:
    """Return somebody's rows as a Part.

    Parameters
    ----------
    data
        ``(X, y)`` arrays or tensors (``X`` may be a tuple or dict of them), a Dataset, a Subset, a
        DataLoader, or an iterable of batches that can be gone through more than once.
    name
        What it is called in messages: ``train``, ``valid``, ``test``.

    Raises
    ------
    InputError
        Unequal lengths, no rows, a generator, or nothing that could be rows.
    """
    if isinstance(data, Part):
        return data
    if isinstance(data, (DataLoader, IterableDataset)):
        return Part("loader", data if isinstance(data, DataLoader) else DataLoader(data, batch_size=None))
    if isinstance(data, Dataset):
        in_memory = tensors_of(data)
        part = Part("dataset", data) if in_memory is None else Part("tensors", in_memory)
        if not rows_of(part):
            raise InputError("data.no-rows", part=name)
        return part
    if isinstance(data, (tuple, list)) and len(data) == 2 and not isinstance(data[0], (str, bytes)):
        try:
            inputs, target = _tensors(data[0]), _tensors(data[1])
        except (TypeError, ValueError, RuntimeError):
            inputs = target = None
        if inputs is not None and isinstance(target, Tensor):
            _check_lengths(inputs, target, name)
            return Part("tensors", (inputs, target))
    if isinstance(data, Tensor):
        raise InputError("data.no-target", part=name)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes, Mapping)):
        if iter(data) is data:
            raise InputError("data.once-only", part=name, kind=type(data).__name__)
        return Part("loader", data)
    raise InputError("data.unknown-kind", part=name, kind=type(data).__name__)


def make_batches(
    part: Part, *, batch_size: int | None, seed: int | None, device: torch.device, join_single: bool = False
) -> Batches:
    """Return ``part`` as batches of ``batch_size`` rows (None: all at once), in place with ``seed=None``."""
    if part.kind == "loader":
        return LoaderBatches(part.content, device, join_single=join_single)
    rows = rows_of(part) or 1
    size = rows if batch_size is None else min(batch_size, rows)
    if part.kind == "dataset":
        collate = getattr(part.content, "collate_fn", default_collate)
        return DatasetBatches(part.content, size, seed, device, collate, join_single)
    inputs, target = part.content
    return TensorBatches(inputs, target, size, seed, device, join_single)


def evaluation_size(part: Part, batch_size: int | None) -> int | None:
    """Return how many rows of ``part`` are evaluated at once."""
    if batch_size is None or part.kind != "tensors":
        return batch_size
    width = max(1, first_tensor(part.content)[:1].numel())
    return max(batch_size, EVALUATED_ELEMENTS // width)


def rows_of(part: Part | None) -> int | None:
    """Return the rows of a part, None where that is not known beforehand."""
    if part is None:
        return 0
    if part.kind == "tensors":
        return len(first_tensor(part.content))
    if part.kind == "dataset":
        return len(part.content)
    return LoaderBatches(part.content).rows


def target_of(part: Part | None) -> Tensor | None:
    """Return every target of a part, None where rows would have to be fetched for it."""
    return part.content[1] if part is not None and part.kind == "tensors" else None


def pick(value: Any, index: Tensor) -> Any:
    """Return the rows ``index`` of nested tensors."""
    if isinstance(value, Tensor):
        return value[index]
    if isinstance(value, Mapping):
        return {key: pick(item, index) for key, item in value.items()}
    return tuple(pick(item, index) for item in value)


def _tensors(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        return {key: _tensors(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_tensors(item) for item in value)
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"an array of {array.dtype} is no tensor")
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.to(torch.get_default_dtype()) if tensor.dtype == torch.float64 else tensor


def _check_lengths(inputs: Any, target: Tensor, name: str) -> None:
    lengths = {len(tensor) if tensor.ndim else 0 for tensor in _leaves(inputs)}
    rows = len(target) if target.ndim else 0
    if lengths != {rows}:
        raise InputError("data.unequal-lengths", part=name, inputs=sorted(lengths), target=rows)
    if not rows:
        raise InputError("data.no-rows", part=name)


def _leaves(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value
    return [leaf for item in inner for leaf in _leaves(item)]
