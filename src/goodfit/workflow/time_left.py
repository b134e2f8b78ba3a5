"""When a training must end, so that what comes after it is done within the time budget too."""

from __future__ import annotations

import math
import time

__all__ = ["AFTER_SEVERAL", "LEAST", "program_began", "share", "training_ends"]

AFTER = 1.0
"""Seconds of what follows the training (baselines, evaluation, diagnosis, report) for each second of what
went before it (imports, reading, preparing): on tables of 200 to 54,000 rows it is 0.5 to 0.9."""
AFTER_SEVERAL = 1.5
"""The same for several seeds or folds, each of which is judged: on such tables 0.5 to 2.2."""
LEAST = 0.1
"""Share of the budget that is trained even where all the rest needs more than the budget."""


def program_began() -> float:
    """Return when the program was started, by ``time.perf_counter``, had it been busy since."""
    return time.perf_counter() - time.process_time()


def training_ends(time_budget: float | None, begun: float, prepared: float, after: float = AFTER) -> float:
    """Return when to end a training, by ``time.perf_counter``; infinite without a budget.

    Parameters
    ----------
    time_budget
        Seconds from ``begun`` to the end of everything.
    begun, prepared
        When the whole began, and when the data were ready.
    after
        Seconds of what follows for each second between the two.
    """
    if time_budget is None:
        return math.inf
    return max(begun + time_budget - after * (prepared - begun), time.perf_counter() + LEAST * time_budget)


def share(ends_at: float, trainings: float) -> float:
    """Return when the first of several trainings must end, one after another having equal time.

    One that takes a part of the others' time counts as that part.
    """
    now = time.perf_counter()
    return now + (ends_at - now) / trainings
