"""The random states that a training uses: seeded for each epoch, saved, and given back as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from goodfit.data.batches import derive_seed

__all__ = ["RandomState", "capture", "loader_generators", "restore", "seed_epoch", "undisturbed"]

RandomState = dict[str, Tensor]
"""Every state as tensors, so that a checkpoint can hold it."""


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
        "torch": torch.get_rng_state(),
        "python": torch.tensor([version, *internal], dtype=torch.int64),
        "python_gauss": torch.tensor([] if gauss is None else [gauss], dtype=torch.float64),
        "numpy": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
        "numpy_position": torch.tensor([numpy_state["state"]["pos"], numpy_state["has_gauss"]]),
        "numpy_gauss": torch.tensor([numpy_state["gauss"]], dtype=torch.float64),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state |= {f"cuda.{index}": value for index, value in enumerate(torch.cuda.get_rng_state_all())}
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore(state: RandomState) -> None:
    """Put every random state of the process back to what `capture` returned."""
    torch.set_rng_state(state["torch"])
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
    for name, value in state.items():
        if name.startswith("cuda."):
            torch.cuda.set_rng_state(value, int(name.removeprefix("cuda.")))
    if "mps" in state:
        torch.mps.set_rng_state(state["mps"])


def loader_generators(batches: Any) -> dict[str, torch.Generator]:
    """Return the random generators of a user's own loader and its sampler, which are states of their own."""
    loader = getattr(batches, "loader", None)
    holders = {"loader": loader, "sampler": getattr(loader, "sampler", None)}
    found = {name: getattr(holder, "generator", None) for name, holder in holders.items()}
    return {name: value for name, value in found.items() if isinstance(value, torch.Generator)}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Give every random state back as it was, whatever happens inside."""
    before = capture()
    try:
        yield
    finally:
        restore(before)
