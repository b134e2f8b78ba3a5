"""How many threads a training uses: by a fixed rule on sizes, so that the same job takes the same path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from goodfit.cores import cores
from goodfit.training.job import Job

__all__ = ["threads_for", "threads_of", "using_threads"]

ONE_THREAD_BELOW = 3e7
"""Floating-point operations of an update below which one thread is taken. Break-even is at 5e6 to 2e7 for
MLPs on a quiet machine (``benchmarks/threads.py``), but on a busy one threads that wait for each other lose
many times over what they gain: they have to pay clearly."""


def threads_for(multiplications: float, rows: int) -> int:
    """Return the number of threads for an update.

    Parameters
    ----------
    multiplications
        What one row takes on its way forward: the weights of the network, each as often as it is used.
    rows
        Rows of a minibatch.

    An update takes about six operations for each: two forward, four backward. A large one has torch's
    threads, as far as this process has cores for them.
    """
    small = 6.0 * multiplications * rows < ONE_THREAD_BELOW
    return 1 if small else min(torch.get_num_threads(), cores())


def threads_of(job: Job) -> int:
    """Return the number of threads for a training; on an accelerator torch's own."""
    if job.device.type != "cpu":
        return torch.get_num_threads()
    weights = sum(weight.numel() for weight in job.model.parameters())
    return threads_for(job.multiplications or weights, int(job.recipe.batch_size or job.train.rows or 1))


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
