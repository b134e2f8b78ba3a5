"""Training members group by group."""

from __future__ import annotations

import math
from collections.abc import Sequence

from goodfit.training.attention import Attention, heeding_interrupts
from goodfit.training.population.batching import can_stack
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.members import Member, add_vitals, group_members, train_group
from goodfit.workflow.population_progress import PopulationProgress
from goodfit.workflow.time_left import share

__all__ = ["train_all"]


def train_all(
    members: Sequence[Member],
    shown: PopulationProgress | None = None,
    ends_at: float = math.inf,
    kept: KeptNetworks | None = None,
    *,
    all_begin: bool = True,
) -> None:
    """Train members as few networks, one group after another; their states are filled.

    Parameters
    ----------
    ends_at
        When all must be trained, by ``time.perf_counter``; each group has an equal share; those that
        were trained earlier leave theirs.
    kept
        Gives back the groups that were trained earlier, and takes in those that have ended.
    all_begin
        Whether after a Ctrl-C the groups to come are begun, to end with their first update; else they stay
        untrained.
    """
    shown = shown or PopulationProgress()
    attention = Attention()  # one for all, so that a Ctrl-C ends all
    every = [part for group in group_members(members) for part in _as_trained(group)]
    groups = [group for group in every if kept is None or not kept.take(group)]
    shown.expect(sum(len(group) for group in groups))
    with shown, heeding_interrupts(attention):
        for number, group in enumerate(groups):
            if attention.interrupted and not all_begin:
                break
            shown.begin(group[0].job.recipe, len(group))
            train_group(group, attention, shown.watcher, share(ends_at, len(every) - number))
            if kept is not None and all(member.ended != "interrupted" for member in group):
                for member in group:
                    add_vitals(member)
                kept.keep(group)


def _as_trained(group: Sequence[Member]) -> list[Sequence[Member]]:
    """Return the group as it is where it trains as one network, else each member alone."""
    if len(group) == 1 or can_stack([member.job for member in group]):
        return [group]
    return [[member] for member in group]
