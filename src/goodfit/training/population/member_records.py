"""What is known of each member's training: its curves, its best epoch, and how long patience has waited."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from goodfit.recipe import Recipe
from goodfit.training.state import Row
from goodfit.training.stopping import Best

__all__ = ["MemberRecords"]

Array = NDArray[np.float64]


class MemberRecords:
    """`goodfit.training.stopping.record` for many trainings at once, and their rows of the History.

    Parameters
    ----------
    recipes, begun
        Each member's recipe, and the state of its best value before the first epoch.
    """

    def __init__(self, recipes: Sequence[Recipe], begun: Sequence[Best]) -> None:
        count = len(recipes)
        self._higher = np.array([best.higher for best in begun])
        self._value = np.full(count, np.nan)
        self._epoch = np.full(count, np.nan)
        self._reference = np.full(count, np.nan)
        self._waited = np.zeros(count, dtype=np.int64)
        self._least = np.array([recipe.min_improvement for recipe in recipes])
        self._rows: list[tuple[list[int], dict[str, Array]]] = []
        unlimited = np.inf
        self._patience = _numbers([recipe.patience for recipe in recipes], unlimited)
        self._epochs = np.array([recipe.epochs for recipe in recipes])
        self._budget = _numbers([recipe.time_budget for recipe in recipes], unlimited)
        self._goal = _numbers([recipe.stop_at for recipe in recipes], np.nan)
        self._going = np.array([recipe.keep_going for recipe in recipes])

    def record(self, members: list[int], row: dict[str, Array], values: Array) -> NDArray[np.bool_]:
        """Take in a row of ``members``, judged by ``values``; return whose weights are the best so far."""
        self._rows.append((members, row))
        with np.errstate(invalid="ignore"):
            best = (np.isnan(self._epoch[members]) & ~np.isnan(values)) | (
                self._gain(members, values, self._value[members]) > 0
            )
            moved = (np.isnan(self._reference[members]) & ~np.isnan(values)) | (
                self._gain(members, values, self._reference[members]) > self._least[members]
            )
        places = np.array(members)
        self._value[places[best]] = values[best]
        self._epoch[places[best]] = row["epoch"][best]
        self._reference[places[moved]] = values[moved]
        self._waited[places] = np.where(moved, 0, self._waited[places] + 1)
        return np.asarray(best)

    def may_have_ended(
        self, members: list[int], epoch: int, seconds: float, finite: NDArray[np.bool_]
    ) -> list[int]:
        """Return the places in ``members`` of those whose training is at an end, whatever ended it."""
        reached = self._gain(members, self._value[members], self._goal[members]) >= 0
        ended = (
            (~finite & ~self._going[members])
            | reached
            | (self._waited[members] >= self._patience[members])
            | (epoch >= self._epochs[members])
            | (seconds >= self._budget[members])
        )
        return [int(place) for place in np.flatnonzero(ended)]

    def best(self, member: int) -> Best:
        """Return how a member stands."""
        epoch = float(self._epoch[member])
        return Best(
            higher=bool(self._higher[member]),
            value=float(self._value[member]),
            epoch=None if np.isnan(epoch) else epoch,
            reference=float(self._reference[member]),
            waited=int(self._waited[member]),
        )

    def rows(self, count: int) -> list[list[Row]]:
        """Return the rows of each of ``count`` members."""
        found: list[list[Row]] = [[] for _ in range(count)]
        for members, row in self._rows:
            columns = [values.tolist() for values in row.values()]
            for member, *values in zip(members, *columns, strict=True):
                found[member].append(dict(zip(row, values, strict=True)))
        return found

    def _gain(self, members: list[int], values: Array, than: Array) -> Array:
        with np.errstate(invalid="ignore"):  # equal infinities: not a number, and so no gain
            difference = np.where(self._higher[members], values - than, than - values)
        return np.where(values == than, 0.0, difference)


def _numbers(values: Sequence[float | None], missing: float) -> Array:
    return np.array([missing if value is None else value for value in values], dtype=np.float64)
