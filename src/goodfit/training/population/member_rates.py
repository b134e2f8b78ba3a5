"""The learning rate of each member at each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from goodfit.training.schedules import Schedule
from goodfit.training.state import TrainingState

__all__ = ["MemberRates"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class MemberRates:
    """Learning rates; schedules that several members share are asked once.

    Parameters
    ----------
    rates
        Before the schedule's factor, (members,).
    schedules
        Each member's factor by the number of updates done; None where it is always 1.
    members
        Which of all members these are.
    last
        The rates of the last step that was asked for.
    """

    rates: Array
    schedules: Sequence[Schedule | None]
    members: Sequence[int]
    last: Array = field(default_factory=lambda: np.zeros(0))

    def of(self, first: int, steps: int, states: Sequence[TrainingState]) -> Array:
        """Return the rates of ``steps`` steps from number ``first`` on, (steps, members)."""
        factors = np.ones((steps, len(self.rates)))
        known: dict[int, Array] = {}
        for place, schedule in enumerate(self.schedules):
            if schedule is None:
                continue
            if id(schedule) not in known:
                known[id(schedule)] = np.array([schedule(step) for step in range(first, first + steps)])
            factors[:, place] = known[id(schedule)] * states[self.members[place]].rate_factor
        rates = self.rates * factors
        self.last = rates[-1]
        return rates

    def keep(self, places: Sequence[int]) -> MemberRates:
        """Return the rates of the members at ``places`` alone."""
        return replace(
            self,
            rates=self.rates[list(places)],
            schedules=[self.schedules[place] for place in places],
            members=[self.members[place] for place in places],
        )
