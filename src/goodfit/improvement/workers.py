"""Where the groups of a search train: here one after another, or side by side in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Self

import torch
from torch import nn

from goodfit.cores import cores
from goodfit.improvement.halving import Halving
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.training.probing import mark_reached, reached_parameters
from goodfit.training.weights import copy_weights, load_weights
from goodfit.workflow.members import Member, add_vitals, best_of, train_group

__all__ = ["Workers", "can_fork", "workers_of"]

EVERY = 0.2
"""Seconds between two looks at the clock while others train."""
MOST = 16
"""Workers that are taken unasked: so many proposals at once know nothing of one another."""
ENDS = (signal.SIGTERM,)
"""What asks a worker for an end."""


def can_fork() -> bool:
    """Say whether processes can be copied here: elsewhere it is unsafe, as where an accelerator is in use.

    A worker of a ``multiprocessing.Pool`` may not have processes of its own.
    """
    if sys.platform != "linux" or torch.accelerator.is_available():
        return False
    return not multiprocessing.current_process().daemon


def workers_of(asked: int | None, budget: float | None, recipe: Recipe) -> int:
    """Return how many groups train side by side: where the clock decides what is found, one on each core."""
    if recipe.device != "cpu" or not can_fork():
        return 1
    return asked or (1 if budget is None else min(MOST, cores()))


class Workers:
    """Trains groups of members, up to ``count`` of them at the same time.

    With a single worker they train in this process. Else each trains in a copy of it, a fork with one thread,
    which has the data and whatever functions the caller gave, and sends back the curves and the weights of
    its best member, or of all. Which members go on is decided here for all of them. Nothing is lost with a
    process that dies: its group is trained here, where what is wrong with it is said.

    Parameters
    ----------
    look
        Is called now and then while others train; says whether they are to end. It may take that back, for
        groups that are started later.
    all_weights
        Whether the weights of all members are wanted, and not of the best one alone.
    """

    def __init__(
        self,
        count: int,
        attention: Attention,
        halving: Halving,
        look: Callable[[], bool],
        *,
        all_weights: bool = False,
    ) -> None:
        self.count = count
        self._all_weights = all_weights
        self._attention, self._halving, self._look = attention, halving, look
        self._running: dict[Connection, tuple[Any, Sequence[Member]]] = {}
        self._ended: list[Sequence[Member]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process, *_ in self._running.values():
            process.kill()
            process.join()

    def members(self) -> int:
        """Return how many members are in training."""
        return sum(len(group) for _, group in self._running.values())

    def free(self) -> bool:
        """Say whether another group can begin."""
        return len(self._running) + len(self._ended) < self.count

    def start(self, group: Sequence[Member]) -> None:
        """Train a group; a single worker returns when it has ended."""
        if self.count == 1:
            train_group(group, self._attention, self._halving.drop)
            self._ended.append(group)
            return
        ours, theirs = Pipe()
        given = (theirs, group, self._attention.ends_at, self._halving, self._all_weights)
        process = multiprocessing.get_context("fork").Process(target=_work, args=given)
        # The warning is of other threads' locks: none is taken, as in a DataLoader's workers.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # until `_work` heeds them
            try:
                process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._running[ours] = process, group

    def ended(self) -> list[Sequence[Member]]:
        """Return the groups that have ended, once there are any; none where nothing is in training."""
        while self._running and not self._ended:
            for connection in wait(list(self._running), EVERY):
                assert isinstance(connection, Connection)
                self._hear(connection)
            if self._look():
                for process, *_ in self._running.values():
                    process.terminate()  # asks it for an end, see `_work`
        ended, self._ended = self._ended, []
        return ended

    def _hear(self, connection: Connection) -> None:
        process, group = self._running[connection]
        try:
            kind, *told = connection.recv()
            if kind == "rung":
                connection.send(self._halving.drop(*told))
                return
            _take_over(group, *told)
        except (EOFError, ConnectionError):
            train_group(group, self._attention, self._halving.drop)
        del self._running[connection]
        connection.close()
        process.join()
        self._ended.append(group)


def _work(
    connection: Connection, group: Sequence[Member], ends_at: float, halving: Halving, all_weights: bool
) -> None:
    """Train a group in a process of its own; the caller's is told, and asked at rungs which members go on."""
    caller = os.getppid()

    def look(_: Any) -> None:
        if os.getppid() != caller:  # it was killed
            os._exit(1)

    def drop(epoch: int, values: Mapping[int, float]) -> set[int]:
        if epoch not in halving.values:
            return set()
        connection.send(("rung", epoch, dict(values)))
        while not connection.poll(EVERY):
            look(None)
        unwanted: set[int] = connection.recv()
        return unwanted

    attention = Attention(ends_at=ends_at, progress=look)
    signal.signal(signal.SIGTERM, lambda *_: attention.interrupt())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
    torch.set_num_threads(1)
    try:
        train_group(group, attention, drop)
        best = best_of(group, halving.higher)
        add_vitals(best)
        wanted = [member for member in group if all_weights or member is best]
        weights = {group.index(member): _arrays(member.job.model) for member in wanted}
        reached = reached_parameters(best.job.model)
        connection.send(("ended", [_told(member) for member in group], weights, reached))
    except BaseException:
        os._exit(1)  # said by the caller's process


def _arrays(model: nn.Module) -> dict[str, Any]:
    """Return the weights for NumPy, which has no bfloat16: float32 holds the same numbers."""
    weights = copy_weights(model).items()
    return {
        name: (value.float() if value.dtype == torch.bfloat16 else value).numpy() for name, value in weights
    }


def _told(member: Member) -> tuple[Any, Any]:
    """Return how a training went, without what only the process needs that it was in."""
    lean = replace(member.state, best_weights=None, losses=[], loss_weights=[], generators={}, random=None)
    return member.ended, lean


def _take_over(
    group: Sequence[Member],
    told: Sequence[tuple[Any, Any]],
    weights: Mapping[int, Mapping[str, Any]],
    reached: Collection[str],
) -> None:
    """Fill the members' states by what was told of them, and the networks whose weights came."""
    for member, (ended, state) in zip(group, told, strict=True):
        member.ended, member.state = ended, state
    for place, values in weights.items():
        model = group[place].job.model
        load_weights(model, {name: torch.from_numpy(value) for name, value in values.items()})
        mark_reached(model, reached)
        model.eval()
