"""The networks of a bag beside the ordinary one: made ready to train, and once trained the bag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from goodfit.recipe import Recipe
from goodfit.training.job import Job
from goodfit.training.state import to_history
from goodfit.workflow.bagging import Bag, Division, other_parts
from goodfit.workflow.members import Member, make_member
from goodfit.workflow.parts import Parts

__all__ = ["bag_of", "make_others"]


def make_others(parts: Parts, recipe: Recipe, functions: Mapping[str, Any], model: Any) -> list[Member]:
    """Return the networks of a bag but the ordinary one, made ready to train.

    Parameters
    ----------
    recipe
        With every ``"auto"`` decided; the networks begin with the seeds that follow its own.
    """
    if recipe.bag == 1:
        return []
    divisions = [parts, *other_parts(parts, recipe.bag, recipe.rows_seed)]
    wanted = [(recipe.model, its) for its in divisions[1:]]
    wanted += [(name, its) for name in recipe.stack for its in divisions]
    return [_member(place, recipe, name, its, model, functions) for place, (name, its) in enumerate(wanted)]


def bag_of(recipe: Recipe, members: Sequence[Member]) -> Bag:
    """Return the bag of trained members as `make_others` ordered them.

    What is to be stacked and has no finite loss in any epoch is left out.
    """
    own, stacked = members[: recipe.bag - 1], members[recipe.bag - 1 :]
    kinds = [stacked[place : place + recipe.bag] for place in range(0, len(stacked), recipe.bag)]
    trained = [kind for kind in kinds if all(member.state.best.epoch is not None for member in kind)]
    by_division = [tuple(kind[place].job for kind in trained) for place in range(recipe.bag)]
    return Bag(
        tuple(_division(member, beside) for member, beside in zip(own, by_division[1:], strict=True)),
        by_division[0],
    )


def _member(
    place: int, recipe: Recipe, name: str, parts: Parts, model: Any, functions: Mapping[str, Any]
) -> Member:
    """Return a network of the bag, ready to train; its training rows are not measured, as nobody looks."""
    own = recipe.replace(model=name, bag=1, stack=(), seed=(recipe.seed + place + 1) % 2**63)
    member = make_member(place, own, parts, model if name == recipe.model else None, functions)
    if not recipe.monitor.startswith("train"):
        member.job = replace(member.job, sample=None)
    return member


def _division(member: Member, beside: tuple[Job, ...]) -> Division:
    state, monitor = member.state, member.job.recipe.monitor
    history = to_history(state.rows, monitor=monitor, best_epoch=state.best.epoch, ended_by=member.ended)
    return Division(member.parts, (member.job, *beside), history)
