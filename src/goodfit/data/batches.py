"""Minibatches: (inputs, target) pairs on the training device, in an order that seed and epoch decide."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, default_collate

from goodfit.errors import InputError

__all__ = [
    "Batch",
    "Batches",
    "DatasetBatches",
    "LoaderBatches",
    "TensorBatches",
    "batch_sizes",
    "count_rows",
    "derive_seed",
    "first_tensor",
    "head",
    "leaves",
    "move",
    "tensors_of",
]

Batch = Any
"""A pair (inputs, target), or with ``step=`` whatever the loader delivers."""

GATHERED_ELEMENTS = 2**22
"""Elements of the inputs that are put in order at once: few calls for small rows, little memory for large."""


def derive_seed(seed: int, *labels: int | str) -> int:
    """Return a seed of its own for each use of ``seed``, the same on every machine."""
    text = ":".join(str(part) for part in (seed, *labels))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def epoch_order(rows: int, seed: int, epoch: int, chances: Tensor | None = None) -> Tensor:
    """Return the order of ``rows`` in ``epoch``, or that many draws; it does not depend on the batch size."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    if chances is None:
        return torch.randperm(rows, generator=generator)
    return torch.searchsorted(
        chances.double().cumsum(0) / chances.double().sum(),
        torch.rand(rows, generator=generator, dtype=torch.float64),
        right=True,
    ).clamp_max(rows - 1)


class Batches(Protocol):
    """Something to go through once an epoch."""

    @property
    def rows(self) -> int | None:
        """Rows in an epoch, None where that is not known before it ends."""
        ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Deliver the batches of ``epoch`` from batch number ``start`` on."""
        ...

    def steps(self) -> int | None:
        """Return the number of batches in an epoch, None where that is not known before it ends."""
        ...


@dataclass(frozen=True, eq=False)
class TensorBatches:
    """Batches of tensors that lie in memory, sliced without a copy of each row by Python.

    Parameters
    ----------
    inputs
        A tensor, or a tuple or dict of tensors, all with the rows in dimension 0.
    target
        The rows' targets; with None a batch is the inputs alone.
    batch_size
        Rows of a batch; the last one may hold fewer.
    seed
        Decides the order of each epoch; None keeps the rows in place.
    device
        Where the batches are delivered; the tensors themselves stay where they are.
    join_single
        Put a last batch of a single row to the one before it: BatchNorm cannot train on one row.
    chances
        How likely each row is to be drawn, relative to the others: an epoch is then as many draws as there
        are rows, with replacement. None: each row once.
    """

    inputs: Any
    target: Tensor | None
    batch_size: int
    seed: int | None = None
    device: torch.device | None = None
    join_single: bool = False
    chances: Tensor | None = None

    @property
    def rows(self) -> int:
        """Rows in an epoch."""
        return len(first_tensor(self.inputs))

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return len(batch_sizes(self.rows, self.batch_size, self.join_single))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Deliver the batches of ``epoch`` from batch number ``start`` on."""
        rows = self.rows
        sizes = batch_sizes(rows, self.batch_size, self.join_single)
        order = None if self.seed is None else epoch_order(rows, self.seed, epoch, self.chances)
        width = max(1, first_tensor(self.inputs)[:1].numel())
        together = max(1, GATHERED_ELEMENTS // (width * self.batch_size))
        # From the same pieces whatever the start: rounding depends on where in memory a batch begins.
        begin = start - start % together
        first = sum(sizes[:begin])
        for number in range(begin, len(sizes), together):
            lengths = sizes[number : number + together]
            last = first + sum(lengths)
            index = None if order is None else order[first:last].to(first_tensor(self.inputs).device)
            piece = move(_rows((self.inputs, self.target), first, last, index), self.device)
            first = last
            batches = self._parted(piece, lengths)
            yield from batches if number >= start else islice(batches, start - number, None)

    def _parted(self, piece: tuple[Any, Any], lengths: list[int]) -> Iterator[Batch]:
        inputs, target = piece
        if isinstance(inputs, Tensor) and isinstance(target, Tensor):
            return zip(torch.split(inputs, lengths), torch.split(target, lengths), strict=True)
        whole = inputs if self.target is None else piece
        lasts = accumulate(lengths)
        return (_rows(whole, last - length, last) for length, last in zip(lengths, lasts, strict=True))


@dataclass(frozen=True, eq=False)
class DatasetBatches:
    """Batches of a map-style `torch.utils.data.Dataset`, fetched row by row and collated."""

    dataset: Dataset[Any]
    batch_size: int
    seed: int | None = None
    device: torch.device | None = None
    collate: Callable[[list[Any]], Any] = default_collate
    join_single: bool = False

    @property
    def rows(self) -> int:
        """Rows in an epoch."""
        return len(self.dataset)  # type: ignore[arg-type]

    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return len(batch_sizes(self.rows, self.batch_size, self.join_single))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Deliver the batches of ``epoch`` from batch number ``start`` on."""
        order = range(self.rows) if self.seed is None else epoch_order(self.rows, self.seed, epoch).tolist()
        fetch = getattr(self.dataset, "__getitems__", None)
        sizes = batch_sizes(self.rows, self.batch_size, self.join_single)
        last = sum(sizes[:start])
        for size in sizes[start:]:
            first, last = last, last + size
            index = list(order[first:last])
            items = fetch(index) if fetch is not None else [self.dataset[row] for row in index]
            yield move(self.collate(items), self.device)


@dataclass(frozen=True, eq=False)
class LoaderBatches:
    """Batches as somebody's DataLoader or iterable delivers them: its order, its collation, its workers.

    With ``drop_single`` a batch of a single row is left out, where BatchNorm cannot train on one row.
    """

    loader: Iterable[Any]
    device: torch.device | None = None
    drop_single: bool = False

    @property
    def rows(self) -> int | None:
        """Rows in an epoch, None where that is not known before it ends."""
        if not isinstance(self.loader, DataLoader) or isinstance(self.loader.dataset, IterableDataset):
            return None
        size = self.loader.batch_size
        if size is None:  # a batch sampler of one's own, or items that are batches
            return None
        try:
            rows = len(self.loader.sampler)  # type: ignore[arg-type]
        except TypeError:
            return None
        return rows - rows % size if self.loader.drop_last else rows

    def steps(self) -> int | None:
        """Return the number of batches in an epoch, None where that is not known before it ends."""
        try:
            return len(self.loader)  # type: ignore[arg-type]
        except TypeError:
            return None

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Deliver the batches of ``epoch`` from batch number ``start`` on."""
        set_epoch = getattr(getattr(self.loader, "sampler", None), "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)
        batches = iter(self.loader)
        if self.drop_single:
            batches = (batch for batch in batches if count_rows(batch) > 1)
        for _ in range(start):  # at once, so that the caller can set the random states after it
            next(batches, None)
        return (move(batch, self.device) for batch in batches)


def tensors_of(data: Any) -> tuple[Any, Tensor] | None:
    """Return (inputs, target) where ``data`` is tensors in memory, None where rows must be fetched.

    A `TensorDataset` and a `Subset` of one count as tensors in memory.
    """
    if isinstance(data, Subset):
        inside = tensors_of(data.dataset)
        if inside is None:
            return None
        index = torch.as_tensor(np.asarray(data.indices, dtype=np.int64))
        return _map(inside, lambda tensor: tensor[index])  # type: ignore[no-any-return]
    if type(data) is TensorDataset and len(data.tensors) >= 2:
        *inputs, target = data.tensors
        return (inputs[0] if len(inputs) == 1 else tuple(inputs)), target
    return None


def move(batch: Any, device: torch.device | None) -> Any:
    """Return ``batch`` with its tensors on ``device``; where they are there already, the very same object."""
    if device is None:
        return batch
    return _map(
        batch, lambda item: item if item.data.device == device else item.to(device, non_blocking=True)
    )


def first_tensor(value: Any) -> Tensor:
    """Return the first tensor in nested tuples, lists and dicts.

    Raises
    ------
    InputError
        There is none.
    """
    if isinstance(value, Tensor):
        return value
    inner: Sequence[Any] = ()
    if isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, (tuple, list)):
        inner = value
    for item in inner:
        try:
            return first_tensor(item)
        except InputError:
            continue
    raise InputError("batches.no-tensor", kind=type(value).__name__)


def leaves(value: Any) -> list[Tensor]:
    """Return every tensor in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return [value]
    inner = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else ()
    )
    return [leaf for item in inner for leaf in leaves(item)]


def head(batch: Batch, rows: int) -> Batch:
    """Return the first rows of a batch whose tensors have them in dimension 0; others as they are."""
    length = count_rows(batch)
    if _has_packed(batch):  # rows of a packed sequence cannot be cut off
        return batch
    return _map(batch, lambda tensor: tensor[:rows] if tensor.ndim and len(tensor) == length else tensor)


def count_rows(batch: Batch) -> int:
    """Return the number of rows of a batch: the length of its target, or else of its first tensor."""
    if isinstance(batch, PackedSequence):
        return int(batch.batch_sizes[0])
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        inputs, target = batch
        if isinstance(target, Tensor) and target.ndim:
            return len(target)
        if isinstance(inputs, PackedSequence):
            return int(inputs.batch_sizes[0])
    tensor = first_tensor(batch)
    return len(tensor) if tensor.ndim else 1


def batch_sizes(rows: int, batch_size: int, join_single: bool = False) -> list[int]:
    """Return the rows of each batch; with ``join_single`` a last single row goes to the batch before it."""
    sizes = [batch_size] * (rows // batch_size)
    rest = rows % batch_size
    if rest == 1 and join_single and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def _has_packed(value: Any) -> bool:
    if isinstance(value, PackedSequence):
        return True
    if isinstance(value, Mapping):
        return any(map(_has_packed, value.values()))
    return isinstance(value, (tuple, list)) and any(map(_has_packed, value))


def _rows(value: Any, first: int, last: int, index: Tensor | None = None) -> Any:
    if index is None:
        return _map(value, lambda tensor: tensor[first:last])
    return _map(value, lambda tensor: tensor.index_select(0, index))


def _map(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, (Tensor, PackedSequence)):
        return function(value)  # type: ignore[arg-type]
    if isinstance(value, tuple):
        inside = [_map(item, function) for item in value]
        return type(value)(*inside) if hasattr(value, "_fields") else tuple(inside)
    if isinstance(value, list):
        return [_map(item, function) for item in value]
    if isinstance(value, Mapping):
        return {key: _map(item, function) for key, item in value.items()}
    return value
