"""Training the networks of a bag beside the ordinary one."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from goodfit.observations import History
from goodfit.recipe import Recipe
from goodfit.training.randomness import undisturbed
from goodfit.training.state import to_history
from goodfit.workflow.bagging import Bagged, other_parts
from goodfit.workflow.members import Member, group_members, make_member, train_all
from goodfit.workflow.parts import Parts
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.time_left import LEAST

__all__ = ["train_others"]


def train_others(
    parts: Parts,
    recipe: Recipe,
    functions: Mapping[str, Any],
    model: Any,
    shown: PopulationProgress | None = None,
    ends_at: float = math.inf,
) -> tuple[Bagged, ...]:
    """Train all networks of a bag but the ordinary one; each has its share of a time budget.

    Parameters
    ----------
    recipe
        With every ``"auto"`` decided; the networks begin with the seeds that follow its own.
    ends_at
        When all networks must be trained, the ordinary one too, by ``time.perf_counter``.

    Raises
    ------
    KeyboardInterrupt
        A Ctrl-C ended one of them.
    """
    if recipe.bag == 1:
        return ()
    divisions = other_parts(parts, recipe.bag, recipe.rows_seed)
    with undisturbed():
        members = [
            make_member(
                place, recipe.replace(bag=1, seed=(recipe.seed + place + 1) % 2**63), its, model, functions
            )
            for place, its in enumerate(divisions)
        ]
        budget = recipe.time_budget
        if budget is not None:  # those that train together take the time of one
            left = min(budget, max(ends_at - time.perf_counter(), LEAST * budget))
            share = left / (len(group_members(members)) + 1)
            for member in members:
                member.job = replace(member.job, recipe=member.job.recipe.replace(time_budget=share))
        train_all(members, shown)
    if any(member.ended == "interrupted" for member in members):
        raise KeyboardInterrupt
    return tuple(Bagged(member.job, member.parts, _history(member)) for member in members)


def _history(member: Member) -> History:
    state = member.state
    monitor, best = member.job.recipe.monitor, state.best.epoch
    return to_history(state.rows, monitor=monitor, best_epoch=best, ended_by=member.ended)
