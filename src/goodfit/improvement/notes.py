"""What a search says beside its results: what was left out, what failed, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from goodfit.improvement.finals import Finals
from goodfit.improvement.trial import Trial
from goodfit.messages import Message
from goodfit.recipe import Recipe

__all__ = ["failures", "no_time", "other_network", "side_by_side"]


def other_network(unsearched: Recipe, searched: Recipe, finals: Finals) -> tuple[Message, ...]:
    """Say which network is trained without a search, where it is another one that was not compared."""
    if unsearched.model == searched.model or any(finalist.trial is None for finalist in finals.finalists):
        return ()
    return (Message("tuning.note.other-network", {"searched": searched.model, "model": unsearched.model}),)


def no_time(late: bool) -> tuple[Message, ...]:
    """Say that there was no time for finals, where it was so."""
    return (Message("tuning.note.no-finals"),) if late else ()


def failures(trials: Sequence[Trial]) -> tuple[Message, ...]:
    """Return why trials failed, the commonest reasons first."""
    reasons = {str(trial.reason): trial.reason for trial in trials if trial.reason is not None}
    counts = Counter(str(trial.reason) for trial in trials if trial.reason is not None)
    return tuple(
        Message("tuning.note.failed", {"count": count, "reason": reasons[text]})
        for text, count in counts.most_common(3)
    )


def side_by_side(workers: int, asked: int | None) -> tuple[Message, ...]:
    """Say that what is found depends on the clock, or that recipes could not train side by side."""
    if workers > 1:
        return (Message("tuning.note.workers", {"workers": workers}),)
    return (Message("tuning.note.one-worker"),) if (asked or 1) > 1 else ()
