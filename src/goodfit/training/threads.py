"""How many threads a training uses: by a fixed rule on sizes, so that the same job takes the same path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from goodfit.training.job import Job

__all__ = ["threads_for", "threads_of", "using_threads"]

ONE_THREAD_BELOW = 2e8
"""Floating-point operations of an update below which more threads cost more than they give
(``benchmarks/threads.py``: the break-even lies between 1e8 and 4e8 for MLPs)."""


def threads_for(parameters: int, rows: int) -> int:
    """Return the number of threads for an update.

    Parameters
    ----------
    parameters, rows
        Weights of the network, and rows of a minibatch.

    An update takes about six operations a weight and row: two forward, four backward.
    """
    return 1 if 6.0 * parameters * rows < ONE_THREAD_BELOW else torch.get_num_threads()


def threads_of(job: Job) -> int:
    """Return the number of threads for a training; on an accelerator torch's own."""
    if job.device.type != "cpu":
        return torch.get_num_threads()
    weights = sum(weight.numel() for weight in job.model.parameters())
    return threads_for(weights, int(job.recipe.batch_size or job.train.rows or 1))


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Use so many threads inside; the process's setting is given back as it was found."""
    before = torch.get_num_threads()
    if threads == before:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
