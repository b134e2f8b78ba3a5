"""The random states that a training uses: seeded for each epoch, saved, and given back as they were."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from goodfit.data.batches import derive_seed

__all__ = [
    "RandomState",
    "capture",
    "generator_states",
    "own_generators",
    "restore",
    "restore_generators",
    "seed_epoch",
    "undisturbed",
]

RandomState = dict[str, Tensor]
"""Every state as tensors, so that a checkpoint can hold it."""

GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
HOLDERS = ("loader", "dataset", "datasets", "sampler", "batch_sampler", "transform", "target_transform")
"""Attributes of loaders, samplers and Datasets in which others of their kind lie."""


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed Python, NumPy and torch for ``epoch``: what it draws depends on nothing that came before."""
    value = derive_seed(seed, "epoch", epoch)
    torch.default_generator.manual_seed(value)  # torch.manual_seed looks for devices: 300 us an epoch
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(value)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(value)
    random.seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002 - people's datasets draw from this one


def capture() -> RandomState:
    """Return every random state of the process."""
    version, internal, gauss = random.getstate()
    numpy_state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    state = {
        "python": torch.tensor([version, *internal], dtype=torch.int64),
        "python_gauss": torch.tensor([] if gauss is None else [gauss], dtype=torch.float64),
        "numpy": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
        "numpy_position": torch.tensor([numpy_state["state"]["pos"], numpy_state["has_gauss"]]),
        "numpy_gauss": torch.tensor([numpy_state["gauss"]], dtype=torch.float64),
    }
    return state | _device_states()


def restore(state: RandomState) -> None:
    """Put every random state of the process back to what `capture` returned."""
    version, *internal = state["python"].tolist()
    gauss = state["python_gauss"].tolist()
    random.setstate((version, tuple(internal), gauss[0] if gauss else None))
    position, has_gauss = state["numpy_position"].tolist()
    np.random.set_state(  # noqa: NPY002
        {
            "bit_generator": "MT19937",
            "state": {"key": state["numpy"].numpy().astype(np.uint32), "pos": position},
            "has_gauss": has_gauss,
            "gauss": state["numpy_gauss"].item(),
        }
    )
    _restore_devices(state)


def _device_states() -> RandomState:
    """Return torch's own random states, of the CPU and of every device in use."""
    state = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state |= {f"cuda.{index}": value for index, value in enumerate(torch.cuda.get_rng_state_all())}
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def _restore_devices(state: RandomState) -> None:
    torch.set_rng_state(state["torch"])
    for name, value in state.items():
        if name.startswith("cuda."):
            torch.cuda.set_rng_state(value, int(name.removeprefix("cuda.")))
    if "mps" in state:
        torch.mps.set_rng_state(state["mps"])


def own_generators(data: Any) -> dict[str, Any]:
    """Return the random generators that a loader, its samplers and its Datasets keep for themselves.

    They are those of torch, NumPy and Python that are plain attributes, by where they were found.
    """
    found: dict[str, Any] = {}
    waiting = [("", data)]
    seen: set[int] = set()
    while waiting:
        place, item = waiting.pop(0)
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, GENERATORS):
            found[place] = item
            continue
        inside = {name: getattr(item, name, None) for name in HOLDERS}
        own = getattr(item, "__dict__", {})
        inside |= {name: value for name, value in own.items() if isinstance(value, GENERATORS)}
        parts = inside.pop("datasets", None)
        if isinstance(parts, (list, tuple)):
            inside |= {f"datasets.{number}": part for number, part in enumerate(parts)}
        waiting += [(f"{place}.{name}".lstrip("."), value) for name, value in inside.items()]
    return found


def generator_states(data: Any) -> dict[str, Tensor]:
    """Return the states of `own_generators`, each as a tensor."""
    return {name: _state_of(generator) for name, generator in own_generators(data).items()}


def restore_generators(data: Any, states: Mapping[str, Tensor]) -> None:
    """Put `own_generators` back to `generator_states`; those that are not there any more are passed over."""
    generators = own_generators(data)
    for name in generators.keys() & states.keys():
        _put_back(generators[name], states[name])


def _state_of(generator: Any) -> Tensor:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, random.Random):
        plain: Any = generator.getstate()
    elif isinstance(generator, np.random.RandomState):
        plain = generator.get_state(legacy=False)
    else:
        plain = generator.bit_generator.state
    text = json.dumps(plain, default=lambda array: array.tolist())
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def _put_back(generator: Any, state: Tensor) -> None:
    if isinstance(generator, torch.Generator):
        generator.set_state(state)
        return
    plain = json.loads(bytes(state.tolist()))
    if isinstance(generator, random.Random):
        version, internal, gauss = plain
        generator.setstate((version, tuple(internal), gauss))
    elif isinstance(generator, np.random.RandomState):
        plain["state"]["key"] = np.array(plain["state"]["key"], dtype=np.uint32)
        generator.set_state(plain)
    else:
        generator.bit_generator.state = plain


@contextmanager
def undisturbed(*data: Any) -> Iterator[None]:
    """Give every random state back as it was, whatever happens inside; also the generators of ``data``."""
    own = [generator_states(item) for item in data]
    python, legacy = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002
    devices = _device_states()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        _restore_devices(devices)
        for item, states in zip(data, own, strict=True):
            restore_generators(item, states)
