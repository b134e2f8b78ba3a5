"""Training the networks of a bag beside the ordinary one, or that one itself to see what it is worth."""

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
from goodfit.workflow.bagging import Bag, Division, other_parts
from goodfit.workflow.members import Member, group_members, make_member, train_all
from goodfit.workflow.parts import Parts
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.time_left import LEAST

__all__ = ["train_beforehand", "train_others"]


def train_others(
    parts: Parts,
    recipe: Recipe,
    functions: Mapping[str, Any],
    model: Any,
    shown: PopulationProgress | None = None,
    ends_at: float = math.inf,
) -> Bag:
    """Train all networks of a bag but the ordinary one; each has its share of a time budget.

    What is to be stacked and has no finite loss in any epoch is left out.

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
        return Bag()
    divisions = [parts, *other_parts(parts, recipe.bag, recipe.rows_seed)]
    wanted = [(recipe.model, its) for its in divisions[1:]]
    wanted += [(name, its) for name in recipe.stack for its in divisions]
    with undisturbed():
        members = [
            _member(place, recipe, name, its, model, functions) for place, (name, its) in enumerate(wanted)
        ]
        _train_all(members, recipe.time_budget, shown, ends_at)
    own, stacked = members[: recipe.bag - 1], members[recipe.bag - 1 :]
    kinds = [stacked[place : place + recipe.bag] for place in range(0, len(stacked), recipe.bag)]
    trained = [kind for kind in kinds if all(member.state.best.epoch is not None for member in kind)]
    by_division = [tuple(kind[place].job for kind in trained) for place in range(recipe.bag)]
    return Bag(
        tuple(
            Division(member.parts, (member.job, *beside), _history(member))
            for member, beside in zip(own, by_division[1:], strict=True)
        ),
        by_division[0],
    )


def train_beforehand(
    parts: Parts, recipe: Recipe, shown: PopulationProgress | None = None, ends_at: float = math.inf
) -> Division:
    """Train the ordinary network as the one that comes after it begins, to see what it is worth.

    The parameters are those of `train_others`, and so is what is raised.
    """
    with undisturbed():
        member = make_member(0, recipe, parts, None, {})
        member.job = replace(member.job, sample=None)
        _train_all([member], recipe.time_budget, shown, ends_at)
    return Division(parts, (member.job,), _history(member))


def _train_all(
    members: list[Member], budget: float | None, shown: PopulationProgress | None, ends_at: float
) -> None:
    """Train the members; with a time budget each group has as much as the ordinary network after them."""
    if budget is not None:
        left = min(budget, max(ends_at - time.perf_counter(), LEAST * budget))
        share = left / (len(group_members(members)) + 1)
        for member in members:
            member.job = replace(member.job, recipe=member.job.recipe.replace(time_budget=share))
    train_all(members, shown)
    if any(member.ended == "interrupted" for member in members):
        raise KeyboardInterrupt


def _member(
    place: int, recipe: Recipe, name: str, parts: Parts, model: Any, functions: Mapping[str, Any]
) -> Member:
    """Return a network of the bag, ready to train; its training rows are not measured, as nobody looks."""
    own = recipe.replace(model=name, bag=1, stack=(), seed=(recipe.seed + place + 1) % 2**63)
    member = make_member(place, own, parts, model if name == recipe.model else None, functions)
    if not recipe.monitor.startswith("train"):
        member.job = replace(member.job, sample=None)
    return member


def _history(member: Member) -> History:
    state = member.state
    monitor, best = member.job.recipe.monitor, state.best.epoch
    return to_history(state.rows, monitor=monitor, best_epoch=best, ended_by=member.ended)
