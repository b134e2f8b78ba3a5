"""What is planned, trained: the ordinary network, the others of its bag, linear models if those serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from goodfit.messages import Message
from goodfit.training.state import to_history
from goodfit.workflow.bag_members import bag_of, make_others
from goodfit.workflow.bagging import Bag, check_bag
from goodfit.workflow.default_network import Plan, compare_with_linear, linear_plan
from goodfit.workflow.group_training import train_groups
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.members import group_members
from goodfit.workflow.one_network import OneNetwork, OneTrained
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.time_left import share

__all__ = ["LINEAR", "Trained", "train_planned"]

LINEAR = 0.1
"""What the linear models that may serve have of the time of a network, or of a group of them."""


@dataclass(frozen=True)
class Trained:
    """What came of a plan.

    Parameters
    ----------
    ordinary
        The network whose curves are shown; the linear one where that served.
    bag
        The networks that are averaged with it.
    notes
        What is to be said of it.
    interrupted
        Whether Ctrl-C ended it, in whichever network.
    others_trained
        Whether networks beside the ordinary one were trained, none being kept of an earlier time.
    """

    ordinary: OneTrained
    bag: Bag
    notes: tuple[Message, ...]
    interrupted: bool
    others_trained: bool


def train_planned(
    plan: Plan,
    one: OneNetwork,
    ends: Callable[[], float],
    kept: KeptNetworks | None = None,
    shown: PopulationProgress | None = None,
    *,
    begins: bool = True,
) -> Trained:
    """Train all networks of a plan, having looked at all of them before the first begins.

    Parameters
    ----------
    one
        Trains the ordinary network, on the rows that are divided for the others.
    ends
        Says when all must be trained, by ``time.perf_counter``; they share the time that is left.
    kept
        Where trained networks are kept; None: nowhere.
    begins
        Whether the training begins or goes on with this plan; else it takes another's place.
    """
    recipe, parts = plan.recipe, one.parts
    check_bag(recipe, parts)
    others = make_others(parts, recipe, one.functions, one.model)
    groups = group_members(others)
    ends = cache(ends)  # asked again when the budget is used up, it would grant more
    later = LINEAR if plan.compared else 0.0
    ordinary = one.train(plan, lambda: share(ends(), 1 + len(groups) + later), begins=begins)
    missing = groups if kept is None else [group for group in groups if not kept.take(group)]
    ended, interrupted = 0, ordinary.ended == "interrupted"
    if missing and not interrupted:
        ended, interrupted = train_groups(
            missing, ends(), None if kept is None else kept.keep, shown, later=later
        )
    if interrupted and (ended < len(missing) or not missing or plan.compared):
        left = sum(len(group) for group in missing[ended:]) + (ordinary.ended == "interrupted")
        notes = (*plan.notes, *_interrupted(recipe.networks, left, kept is not None))
        return Trained(_with(ordinary, bag=1, stack=()), Bag(), notes, True, ended > 0)
    bag = bag_of(recipe, others)
    ordinary = _with(ordinary, stack=bag.stack)
    if plan.compared:
        job, state = ordinary.job, ordinary.state
        history = to_history(
            state.rows, monitor=recipe.monitor, best_epoch=state.best.epoch, ended_by=ordinary.ended
        )
        comparison = compare_with_linear(bag.others or bag.divisions(parts, job, history), recipe.seed)
        if comparison is not None and comparison.linear_serves:
            linear = linear_plan(recipe, parts, comparison)
            return train_planned(linear, one, ends, kept, shown, begins=False)
    return Trained(ordinary, bag, plan.notes, False, ended > 0)


def _with(ordinary: OneTrained, **changes: Any) -> OneTrained:
    """Return the network with a recipe that says what is averaged with it."""
    job = ordinary.job
    return ordinary._replace(job=replace(job, recipe=job.recipe.replace(**changes)))


def _interrupted(networks: int, left: int, kept: bool) -> tuple[Message, ...]:
    if networks == 1:
        return ()
    values = {"networks": networks, "trained": networks - left}
    return (Message("training.note.interrupted" if kept else "training.note.interrupted-unsaved", values),)
