"""The best few recipes of a search trained again with other seeds, beside what is trained without it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from goodfit.improvement.evidence import Finalist, ranked
from goodfit.improvement.halving import Halving
from goodfit.improvement.trial import Trial
from goodfit.improvement.workers import Workers
from goodfit.messages import Message
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.workflow.choices import completed
from goodfit.workflow.members import Member, best_of, group_members, make_members, train_group
from goodfit.workflow.parts import Parts

__all__ = ["Finals", "play_finals", "without_search"]

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Finals:
    """What came of the finals.

    Parameters
    ----------
    finalists
        The best first; empty where there was no time to compare.
    member
        The best recipe's, with the seed that did best on the validation rows, in the finals or the search.
    notes
        What was left out for want of time.
    """

    finalists: tuple[Finalist, ...]
    member: Member
    notes: tuple[Message, ...] = ()


def play_finals(
    best: Sequence[Trial],
    unsearched: Recipe,
    found: Member | None,
    parts_for: Callable[[Recipe], Parts],
    model: Any,
    *,
    seeds: int,
    attention: Attention,
    higher: bool,
    workers: int = 1,
) -> Finals:
    """Train the best recipes and ``unsearched`` with several seeds on the same rows, and choose.

    They take turns, seed by seed where these train alone, the best one first. When time is up, those count
    that were trained to their ends with two seeds at least, and they are compared by the seeds that all of
    them have.

    Parameters
    ----------
    best
        Trials, the best first.
    unsearched
        What is trained where nobody searches, which may take half of the time; the finals' seeds are its own
        and those that follow it.
    found
        The member of ``best[0]``, where this process trained it.
    workers
        Trainings side by side, each in a process of its own.
    """
    contestants: list[tuple[int | None, Recipe]] = []
    candidates = [(trial.number, trial.recipe.replace(seed=unsearched.seed)) for trial in best]
    for number, recipe in [candidates[0], (None, unsearched), *candidates[1:]]:
        if all(recipe != other for _, other in contestants):
            contestants.append((number, recipe))

    def ready(recipes: Sequence[Recipe]) -> list[list[Member]]:
        return group_members(make_members(recipes, lambda recipe: parts_for(unsearched), model))

    seeds_of = [(unsearched.seed + place) % 2**63 for place in range(seeds)]

    def groups_of(place: int, number: int | None, recipe: Recipe) -> Iterator[tuple[int, list[Member], bool]]:
        for group in ready([recipe.replace(seed=seed) for seed in seeds_of]):
            yield place, group, number is None

    whole = _trained(
        _in_turns([groups_of(place, *each) for place, each in enumerate(contestants if seeds > 1 else ())]),
        Workers(
            workers,
            attention,
            Halving(1, None, higher=higher),
            lambda: _over(attention),
            all_weights=True,
        ),
        attention,
    )
    places, common = _with_common_seeds(whole)
    played, members = [contestants[place] for place in places], [whole[place] for place in places]
    notes: tuple[Message, ...] = ()
    if seeds > 1 and len(played) < len(contestants):
        notes = (Message("tuning.note.finals-cut", {"played": len(played), "all": len(contestants)}),)
    if len(played) > 1:
        paired = [[member for member in each if member.place in common] for each in members]
        finalists = ranked(played, paired, higher=higher, seed=unsearched.seed)
        chosen = next(place for place, (_, recipe) in enumerate(played) if recipe == finalists[0].recipe)
        again = [*members[chosen], *([found] if found and played[chosen][0] == best[0].number else [])]
        return Finals(tuple(finalists), best_of(again, higher), notes)
    if played and played[0][0] == best[0].number:
        return Finals((), best_of(members[0], higher), notes)
    if found is None:  # it is trained whole, whatever the time: nobody wants one that was cut
        (group,) = ready([best[0].recipe])
        train_group(group, Attention())
        found = group[0]
    return Finals((), found, notes)


def _in_turns(several: Iterable[Iterator[Item]]) -> Iterator[Item]:
    """Deliver one item of each, then another of each that has more."""
    waiting = deque(several)
    while waiting:
        first = waiting.popleft()
        for item in first:
            yield item
            waiting.append(first)
            break


def _trained(
    groups: Iterable[tuple[int, list[Member], bool]], workers: Workers, attention: Attention
) -> dict[int, list[Member]]:
    """Train groups while there is time, and return by contestant the members that trained to their ends.

    Parameters
    ----------
    groups
        The contestant's place, the group, and whether that is what may take half of the time alone.
    """
    ends_at = attention.ends_at
    until: dict[bool, float] = {False: ends_at}
    whole: dict[int, list[Member]] = {}
    given: dict[int, tuple[int, bool]] = {}
    to_come = iter(groups)
    with workers:
        while True:
            while workers.free() and not _over(attention) and (following := next(to_come, None)):
                place, group, half = following
                now = perf_counter()
                attention.ends_at = until.setdefault(half, now + (ends_at - now) / 2)
                if now < attention.ends_at:
                    given[id(group)] = place, half
                    workers.start(group)
                attention.ends_at = ends_at
            ended = workers.ended()
            if not ended:
                break
            for each in ended:
                place, half = given[id(each)]
                over = attention.interrupted or perf_counter() >= until[half]
                if not (over and any(member.ended in ("time-budget", "interrupted") for member in each)):
                    whole.setdefault(place, []).extend(each)
    return {place: sorted(each, key=lambda member: member.place) for place, each in whole.items()}


def _with_common_seeds(whole: Mapping[int, Sequence[Member]]) -> tuple[list[int], set[int]]:
    """Return which contestants can be compared, in their order, and by which seeds: two at least."""
    places: list[int] = []
    common: set[int] = set()
    for place in sorted(whole):
        its = {member.place for member in whole[place]}
        both = common & its if places else its
        if len(both) > 1:
            places.append(place)
            common = both
    return places, common


def _over(attention: Attention) -> bool:
    return attention.interrupted or perf_counter() >= attention.ends_at


def without_search(given: Recipe, parts: Parts, model: Any, ends_at: float = math.inf) -> Recipe:
    """Return the recipe that `goodfit.train` takes for the same call in the time left, as one network."""
    left = ends_at - perf_counter()
    if not math.isfinite(left):
        return completed(given, parts, {}, model)
    timed = given.replace(time_budget=max(left, 0.1))
    return completed(timed, parts, {}, model).replace(time_budget=given.time_budget)
