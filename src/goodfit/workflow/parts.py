"""Parts: what a training, a validation and a test are done on, ready to be put into batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, default_collate

from goodfit.data.batches import (
    Batch,
    Batches,
    DatasetBatches,
    LoaderBatches,
    TensorBatches,
    count_rows,
    first_tensor,
    leaves,
    tensors_of,
)
from goodfit.data.facts import TableFacts, TypedRows
from goodfit.data.table import Source
from goodfit.errors import InputError
from goodfit.messages import Message
from goodfit.training.randomness import seed_epoch, undisturbed

__all__ = [
    "Part",
    "Parts",
    "evaluation_size",
    "example_target",
    "first_batches",
    "first_of",
    "first_rows",
    "make_batches",
    "part_of",
    "pick",
    "rows_of",
    "target_of",
]

TRIED_ROWS = 4
"""Rows that go through the network before the first step, to see whether it can train."""
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
    held_out, tested
        Some validation rows, and all test rows, of a table as they were before they were prepared.
    test_rows
        Numbers of the test rows in the data that they were divided from; None: as they come.
    shaping
        Rows by which the network is built (the bins of tabm's numbers), where several networks are to have
        one shape; None: the training rows.
    """

    train: Part
    valid: Part | None = None
    test: Part | None = None
    task: Literal["binary", "multiclass", "regression"] | None = None
    classes: tuple[Any, ...] = ()
    table: TableFacts | None = None
    source: Source = field(default_factory=lambda: Source("data", container="array"))
    notes: tuple[Message, ...] = ()
    held_out: TypedRows | None = None
    tested: TypedRows | None = None
    test_rows: NDArray[np.int64] | None = None
    shaping: Part | None = None


def part_of(data: Any, name: str, *, stepped: bool = False, batch_size: int = 32) -> Part:
    """Return somebody's rows as a Part.

    Parameters
    ----------
    data
        ``(X, y)`` arrays or tensors (``X`` may be a tuple or dict of them), a Dataset, a Subset, a
        DataLoader, or an iterable of batches that can be gone through more than once.
    name
        What it is called in messages: ``train``, ``valid``, ``test``.
    stepped
        Whether a ``step`` of one's own takes the batches, which then may be of inputs alone.
    batch_size
        Rows that are put together where an IterableDataset delivers them one by one.

    Raises
    ------
    InputError
        Unequal lengths, no rows, texts, a generator, or nothing that could be rows.
    """
    if isinstance(data, Part):
        return data
    if isinstance(data, DataLoader):
        return Part("loader", data)
    if isinstance(data, IterableDataset):
        return Part("loader", DataLoader(data, batch_size=batch_size if _delivers_rows(data) else None))
    if isinstance(data, Dataset):
        in_memory = tensors_of(data)
        part = Part("dataset", data) if in_memory is None else Part("tensors", in_memory)
        if not rows_of(part):
            raise InputError("data.no-rows", part=name)
        return part
    if _is_array(data):
        if not stepped:
            raise InputError("data.no-target", part=name)
        return _in_memory(_tensors(data, name), None, name)
    if isinstance(data, (tuple, list)) and len(data) == 2 and not _is_batch(data[1]):
        return _in_memory(_tensors(data[0], name), _tensors(data[1], name), name)
    if isinstance(data, tuple) and len(data) == 2 and _is_array(data[0]):
        raise InputError("data.several-targets", part=name)
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
        return LoaderBatches(part.content, device, drop_single=join_single)
    rows = rows_of(part) or 1
    size = rows if batch_size is None else min(batch_size, rows)
    if part.kind == "dataset":
        collate = _collate_of(part.content)
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


def _collate_of(dataset: Any) -> Any:
    """Return how a Dataset wants its rows put together, also through a Subset."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return getattr(dataset, "collate_fn", default_collate)


def pick(value: Any, index: Tensor) -> Any:
    """Return the rows ``index`` of nested tensors."""
    if value is None:
        return None
    if isinstance(value, Tensor):
        return value[index]
    if isinstance(value, Mapping):
        return {key: pick(item, index) for key, item in value.items()}
    return tuple(pick(item, index) for item in value)


def first_batches(loader: Iterable[Any], rows: int) -> list[Batch]:
    """Return the first batches that a loader delivers, its random states left as they were."""
    found: list[Batch] = []
    with undisturbed(loader):
        seed_epoch(0, 0)
        for batch in loader:
            found.append(batch)
            rows -= count_rows(batch)
            if rows <= 0:
                break
    if not found:
        raise InputError("data.no-rows", part="train")
    return found


def first_rows(part: Part) -> Batch:
    """Return a batch of a few rows of a part."""
    if part.kind == "loader":
        return first_batches(part.content, 1)[0]
    with undisturbed(part.content):
        batches = make_batches(part, batch_size=TRIED_ROWS, seed=None, device=torch.device("cpu"))
        return next(iter(batches.epoch(0)))


def example_target(part: Part) -> Tensor | None:
    """Return every target of a part, or those of its first rows where rows would have to be fetched."""
    if part.kind == "tensors":
        return target_of(part)
    batch = first_rows(part)
    target = batch[1] if isinstance(batch, (tuple, list)) and len(batch) == 2 else None
    return target if isinstance(target, Tensor) else None


def first_of(inputs: Any, rows: int) -> Any:
    """Return the first rows of nested tensors."""
    return pick(inputs, torch.arange(min(rows, len(first_tensor(inputs)))))


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor) or (hasattr(value, "__array__") and hasattr(value, "shape"))


def _delivers_rows(data: IterableDataset[Any]) -> bool:
    """Say whether a stream delivers single rows, whose target is one number, and not batches."""
    with undisturbed(data):
        first = next(iter(data), None)
    target: Any = first[1] if isinstance(first, (tuple, list)) and len(first) == 2 else None
    return isinstance(target, (int, float)) or (_is_array(target) and not np.shape(target))


def _is_batch(value: Any) -> bool:
    """Say whether the second of two things is itself a batch, so that both are."""
    if isinstance(value, (tuple, Mapping)):
        return True
    return isinstance(value, list) and any(
        _is_array(item) or isinstance(item, (tuple, dict)) for item in value
    )


def _tensors(value: Any, part: str) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        return {key: _tensors(item, part) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_tensors(item, part) for item in value)
    array = np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)
    if array.dtype.kind in "OUST":
        example = next((item for item in array.reshape(-1).tolist() if isinstance(item, str)), None)
        if example is not None:
            raise InputError("data.texts", part=part, example=example)
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise InputError("data.no-numbers", part=part, kind=str(array.dtype)) from None
    if array.dtype.kind not in "fiub":
        raise InputError("data.no-numbers", part=part, kind=str(array.dtype))
    array = np.ascontiguousarray(array)
    tensor = torch.from_numpy(array if array.flags.writeable else array.copy())
    return tensor.to(torch.get_default_dtype()) if tensor.dtype == torch.float64 else tensor


def _in_memory(inputs: Any, target: Tensor | None, name: str) -> Part:
    lengths = {len(tensor) if tensor.ndim else 0 for tensor in leaves(inputs)}
    rows = max(lengths, default=0) if target is None else len(target) if target.ndim else 0
    if lengths and lengths != {rows}:
        raise InputError("data.unequal-lengths", part=name, inputs=sorted(lengths), target=rows)
    if not rows:
        raise InputError("data.no-rows", part=name)
    return Part("tensors", (inputs, target))
