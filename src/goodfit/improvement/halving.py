"""Successive halving inside a search: after a few epochs only the best part of the trials goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from goodfit.improvement.space import Range, Space
from goodfit.improvement.trial import Trial

__all__ = ["Halving", "Judge", "halving_of", "rungs_of"]

SHORTEST = 3
"""Epochs before anything is judged."""
PATIENT = 0.1
"""Share of the longest training before which a patient judge drops nothing."""
STILL, AMONG, KNOWN = 0.25, 0.2, 5
"""A trial that has not improved for this share of its patience is dropped, unless it is among this share of
those that ended, once so many have."""


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
    patience
        Epochs without improvement that end a training by itself.

    Attributes
    ----------
    values
        What trials had reached, by rung.
    ended
        The best values of those that have ended.

    Examples
    --------
    >>> halving = Halving(9, 3, higher=False)
    >>> sorted(halving.drop(3, {0: 0.5, 1: 0.2, 2: 0.9}))
    [0, 2]
    >>> sorted(halving.drop(3, {3: 0.4})), halving.drop(4, {1: 0.1})
    ([], set())
    """

    def __init__(
        self, epochs: int, factor: int | None, *, higher: bool, patience: float | None = None
    ) -> None:
        self.epochs = epochs
        self.factor = factor
        self.higher = higher
        self.still = math.inf if patience is None else max(SHORTEST, STILL * patience)
        self.ended: list[float] = []
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

    def behind(self, value: float) -> bool:
        """Say whether a value is not among the best that trials have ended with."""
        if len(self.ended) < KNOWN:
            return False
        best = sorted(self.ended, reverse=self.higher)[: math.ceil(AMONG * len(self.ended))]
        return not self._as_good(value, best[-1])

    def _as_good(self, value: float, than: float) -> bool:
        return value >= than if self.higher else value <= than


class Judge:
    """Ends members of one group early: by the halving at its rungs, and those that stand still far behind.

    Early on those lead that learn fast, which need not be those that will be the best: after 3 epochs of 100
    the order of recipes had, by table, a rank correlation of -0.2 to 0.8 with that in the end, after 12 of
    0.4 to 0.9 (``benchmarks/rungs.py``). So every second group has a patient judge, as the brackets of
    asynchronous Hyperband do.

    Attributes
    ----------
    ask
        Is told an epoch that is a rung, and values; returns which members end there.
    """

    def __init__(self, halving: Halving, *, patient: bool) -> None:
        self.halving = halving
        self.ask: Callable[[int, Mapping[int, float]], set[int]] = halving.drop
        self._earliest = PATIENT * halving.epochs if patient else 0.0
        self._best: dict[int, tuple[float, int]] = {}

    def __call__(self, epoch: int, values: Mapping[int, float]) -> set[int]:
        """Return those that are to end after ``epoch``, of members with those best values so far."""
        halving = self.halving
        for place, value in values.items():
            if place not in self._best or self._best[place][0] != value:
                self._best[place] = value, epoch
        if halving.factor is None:
            return set()
        still = {place for place in values if epoch - self._best[place][1] >= halving.still}
        unwanted = {place for place in still if halving.behind(values[place])}
        if epoch in halving.values and epoch >= self._earliest:
            unwanted |= self.ask(epoch, values)
        return unwanted


def rungs_of(epochs: int, factor: int | None) -> tuple[int, ...]:
    """Return the epochs after which trials are compared, in order.

    >>> rungs_of(100, 2), rungs_of(100, 3), rungs_of(100, None), rungs_of(4, 3)
    ((3, 6, 12, 25, 50), (3, 11, 33), (), ())
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
    halving = Halving(longest, factor, higher=higher, patience=space.base.patience)
    halving.ended += [trial.value for trial in known if math.isfinite(trial.value)]
    for trial in known:
        epochs, values = trial.curve.get("epoch", ()), trial.curve.get(monitor, ())
        for rung in halving.values:
            reached = [value for epoch, value in zip(epochs, values, strict=True) if epoch <= rung]
            finite = [value for value in reached if math.isfinite(value)]
            if finite and epochs[-1] >= rung:
                halving.values[rung].append(max(finite) if higher else min(finite))
    return halving
