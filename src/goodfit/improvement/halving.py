"""Successive halving inside a search: after a few epochs only the best part of the trials goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from goodfit.improvement.space import Range, Space
from goodfit.improvement.trial import Trial

__all__ = ["Halving", "halving_of", "rungs_of"]

SHORTEST = 3
"""Epochs before anything is judged."""


class Halving:
    """Decides at some epochs, the rungs, which trials go on: the best 1/``factor`` of all that came so far.

    A trial is compared with all that were as far, whenever that was, so that no one waits for others: the
    asynchronous successive halving of Li et al., *A System for Massively Parallel Hyperparameter Tuning*,
    2020. Those that go on do so from where they are.

    Parameters
    ----------
    epochs
        The longest training.
    factor
        One in so many goes on; None: all.
    higher
        Whether larger values are better.

    Examples
    --------
    >>> halving = Halving(9, 3, higher=False)
    >>> sorted(halving.drop(3, {0: 0.5, 1: 0.2, 2: 0.9}))
    [0, 2]
    >>> sorted(halving.drop(3, {3: 0.4})), halving.drop(4, {1: 0.1})
    ([], set())
    """

    def __init__(self, epochs: int, factor: int | None, *, higher: bool) -> None:
        self.factor = factor
        self.higher = higher
        self.values: dict[int, list[float]] = {rung: [] for rung in rungs_of(epochs, factor)}

    def drop(self, epoch: int, values: Mapping[int, float]) -> set[int]:
        """Return those that are to end after ``epoch``; their values are known from then on."""
        if epoch not in self.values or self.factor is None:
            return set()
        known = self.values[epoch]
        known += values.values()
        finite = sorted((value for value in known if not math.isnan(value)), reverse=self.higher)
        if not finite:
            return set(values)
        last = finite[math.ceil(len(known) / self.factor) - 1 : math.ceil(len(known) / self.factor)] or finite
        return {place for place, value in values.items() if not self._as_good(value, last[-1])}

    def _as_good(self, value: float, than: float) -> bool:
        return value >= than if self.higher else value <= than


def rungs_of(epochs: int, factor: int | None) -> tuple[int, ...]:
    """Return the epochs after which trials are compared, in order.

    >>> rungs_of(100, 3), rungs_of(100, None), rungs_of(4, 3)
    ((3, 11, 33), (), ())
    """
    found = []
    rung = 0 if factor is None else epochs // factor
    while factor is not None and rung >= SHORTEST:
        found.append(rung)
        rung //= factor
    return tuple(reversed(found))


def halving_of(
    space: Space, known: Sequence[Trial], factor: int | None, *, higher: bool, monitor: str
) -> Halving:
    """Return the halving of a search, which knows how the trials of earlier were doing."""
    dimension = space.dimensions.get("epochs")
    longest = space.base.epochs
    if isinstance(dimension, Range):
        longest = int(dimension.high)
    elif dimension is not None:
        longest = max(dimension.options)
    halving = Halving(longest, factor, higher=higher)
    for trial in known:
        epochs, values = trial.curve.get("epoch", ()), trial.curve.get(monitor, ())
        for rung in halving.values:
            reached = [value for epoch, value in zip(epochs, values, strict=True) if epoch <= rung]
            finite = [value for value in reached if math.isfinite(value)]
            if finite and epochs[-1] >= rung:
                halving.values[rung].append(max(finite) if higher else min(finite))
    return halving
