"""The job's network and optimizer for the peers that train with PyTorch."""

from __future__ import annotations

import torch
from jobs import SEED, Job, read_arrays  # noqa: F401 - peers take read_arrays from one place
from torch import Tensor, nn


def make_network(job: Job) -> nn.Sequential:
    """Return the same network with the same weights for everybody."""
    torch.manual_seed(SEED)
    if job.layers:
        modules: list[nn.Module] = []
        for inputs, outputs in zip(job.layers[:-1], job.layers[1:], strict=True):
            modules += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*modules[:-1])
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def make_tensors(arrays: tuple) -> tuple[Tensor, ...]:
    """Return arrays as tensors that share their memory."""
    return tuple(torch.from_numpy(array) for array in arrays)
