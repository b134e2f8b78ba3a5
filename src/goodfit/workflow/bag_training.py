"""Training the networks of a bag beside the ordinary one."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from goodfit.recipe import Recipe
from goodfit.training.randomness import undisturbed
from goodfit.training.state import to_history
from goodfit.workflow.bagging import Bagged, other_parts
from goodfit.workflow.members import group_members, make_members, train_all
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
        members = []
        for place, division in enumerate(divisions):
            own = recipe.replace(bag=1, seed=(recipe.seed + place + 1) % 2**63)
            (member,) = make_members([own], partial(_same, division), model, False, functions=functions)
            member.place = place
            members.append(member)
        budget = recipe.time_budget
        if budget is not None:  # those that train together take the time of one
            left = min(budget, max(ends_at - time.perf_counter(), LEAST * budget))
            share = left / (len(group_members(members)) + 1)
            for member in members:
                member.job = replace(member.job, recipe=member.job.recipe.replace(time_budget=share))
        train_all(members, shown)
    if any(member.ended == "interrupted" for member in members):
        raise KeyboardInterrupt
    found = []
    for member in members:
        recipe, state = member.job.recipe, member.state
        history = to_history(
            state.rows,
            monitor=recipe.monitor,
            best_epoch=state.best.epoch,
            ended_by=member.ended or "epochs",
        )
        found.append(Bagged(member.job, member.parts, history))
    return tuple(found)


def _same(parts: Parts, _: Recipe) -> Parts:
    return parts
