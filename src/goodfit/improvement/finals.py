"""The best few recipes of a search trained again with other seeds, beside the one it began with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from goodfit.improvement.evidence import Finalist, ranked
from goodfit.improvement.trial import Trial
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.workflow.parts import Parts
from goodfit.workflow.population import Member, group_members, make_members, train_group

__all__ = ["Finals", "play_finals"]


@dataclass(frozen=True, eq=False)
class Finals:
    """What came of the finals.

    Parameters
    ----------
    finalists
        The best first; empty where there was no time to compare.
    member
        The best recipe's, with the seed of the search.
    notes
        What was left out for want of time.
    """

    finalists: tuple[Finalist, ...]
    member: Member
    notes: tuple[Message, ...] = ()


def play_finals(
    best: Sequence[Trial],
    base: Recipe,
    found: Member | None,
    parts_for: Callable[[Recipe], Parts],
    model: Any,
    *,
    seeds: int,
    attention: Attention,
    higher: bool,
) -> Finals:
    """Train the best recipes and ``base`` with several seeds on the same rows, and choose.

    The best one and ``base`` come first; when time is up, those that were trained to their ends count.

    Parameters
    ----------
    best
        Trials, the best first.
    base
        What the search began with; the rows are divided by its seed.
    found
        The member of ``best[0]``, where this process trained it: the answer where there are no finals.
    """
    contestants: list[tuple[int | None, Recipe]] = []
    candidates = [(trial.number, trial.recipe) for trial in best]
    for number, recipe in [candidates[0], (None, base), *candidates[1:]]:
        if all(recipe != other for _, other in contestants):
            contestants.append((number, recipe))

    def trained(recipe: Recipe, count: int, attention: Attention) -> list[Member]:
        recipes = [recipe.replace(seed=base.seed + number) for number in range(count)]
        members = make_members(recipes, lambda recipe: parts_for(base), model)
        for group in group_members(members):
            train_group(group, attention)
        return members

    played: list[tuple[int | None, Recipe]] = []
    members: list[list[Member]] = []
    for number, recipe in contestants if seeds > 1 else ():
        if _over(attention):
            break
        each = trained(recipe, seeds, attention)
        if any(member.ended in ("time-budget", "interrupted") for member in each) and _over(attention):
            break
        played.append((number, recipe))
        members.append(each)
    notes: tuple[Message, ...] = ()
    if seeds > 1 and len(played) < len(contestants):
        notes = (Message("tuning.note.finals-cut", {"played": len(played), "all": len(contestants)}),)
    if len(played) > 1:
        finalists = ranked(played, members, higher=higher, seed=base.seed)
        chosen = next(place for place, (_, recipe) in enumerate(played) if recipe == finalists[0].recipe)
        return Finals(tuple(finalists), members[chosen][0], notes)
    if members:
        return Finals((), members[0][0], notes)
    # The answer is trained whole, whatever the time: nobody wants one that was cut.
    return Finals((), found or trained(best[0].recipe, 1, Attention())[0], notes)


def _over(attention: Attention) -> bool:
    return attention.interrupted or perf_counter() >= attention.ends_at
