"""Training members group by group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from goodfit.training.attention import Attention, heeding_interrupts
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.members import Member, add_vitals, group_members, train_group
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.time_left import share

__all__ = ["Keep", "train_all", "train_groups"]

Keep = Callable[[Sequence[Member]], None]


def train_all(
    members: Sequence[Member],
    shown: PopulationProgress | None = None,
    ends_at: float = math.inf,
    kept: KeptNetworks | None = None,
) -> None:
    """Train members as few networks, one group after another; their states are filled.

    Groups that have not begun when Ctrl-C comes stay untrained.

    Parameters
    ----------
    ends_at
        When all must be trained, by ``time.perf_counter``; each group has an equal share; those that
        were trained earlier leave theirs.
    kept
        Gives back the groups that were trained earlier, and takes in those that have ended.
    """
    every = group_members(members)
    groups = [group for group in every if kept is None or not kept.take(group)]
    keep = None if kept is None else kept.keep
    train_groups(groups, ends_at, keep, shown, later=len(every) - len(groups))


def train_groups(
    groups: Sequence[Sequence[Member]],
    ends_at: float,
    keep: Keep | None = None,
    shown: PopulationProgress | None = None,
    *,
    later: float = 0.0,
    all_begin: bool = False,
) -> tuple[int, bool]:
    """Train members, each group of them together; return how many groups have ended, and whether by Ctrl-C.

    The group that is at work when Ctrl-C comes does not count as ended.

    Parameters
    ----------
    ends_at
        When all must be trained, by ``time.perf_counter``; each group has an equal share of what is left.
    keep
        Takes in each group that has ended.
    later
        How many such shares are left to what is trained after them.
    all_begin
        Whether after a Ctrl-C the groups to come are begun, to end with their first update; else they stay
        untrained.
    """
    shown = shown or PopulationProgress()
    shown.expect(sum(len(group) for group in groups))
    attention = Attention()  # one for all, so that a Ctrl-C ends all
    ended = 0
    with shown, heeding_interrupts(attention):
        for number, group in enumerate(groups):
            if attention.interrupted and not all_begin:
                break
            shown.begin(group[0].job.recipe, len(group))
            train_group(group, attention, shown.watcher, share(ends_at, len(groups) + later - number))
            if any(member.ended == "interrupted" for member in group):
                continue
            ended += 1
            if keep is not None:
                for member in group:
                    add_vitals(member)
                keep(group)
    return ended, attention.interrupted
