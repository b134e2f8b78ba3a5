"""The search: points of the space trained as populations, the poor ones dropped on the way."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from goodfit.errors import InputError
from goodfit.improvement.halving import Halving
from goodfit.improvement.notes import failures
from goodfit.improvement.sampling import structure
from goodfit.improvement.study import Study
from goodfit.improvement.trial import State, Trial, best_first
from goodfit.improvement.tuning import SearchEnd
from goodfit.improvement.workers import Workers
from goodfit.messages import Message
from goodfit.observations import History
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.training.population.batching import signature
from goodfit.training.population.group_sizes import useful_size
from goodfit.training.state import to_history
from goodfit.workflow.members import Member, group_members, make_members
from goodfit.workflow.parts import Parts

__all__ = ["Search", "best_trials", "search", "what_ended"]

AT_ONCE = 16
"""Points of any structure that are asked for at once: some of them can train as one."""
FEWEST_TOGETHER, ROUNDS = 8, 8
"""Points of one structure that are asked for at once do not learn of one another: these are so many at first,
then one for so many that were tried before; fewer where it saves nothing to train them as one."""
HOPELESS = 2
"""Rounds without any trial that could train, after which it ends."""


@dataclass(frozen=True)
class _Attempt:
    """A point of the space made ready to train."""

    member: Member
    point: Mapping[str, Any]
    recipe: Recipe


@dataclass
class Search:
    """A search that goes on: what it needs, and the best member of this process so far.

    Parameters
    ----------
    study, halving
        What was tried, and which of those in training go on.
    parts_for, model
        The divided data by recipe, and a network of the caller's own.
    trials
        How many there shall be, those of earlier included; None: no end but that of the time.
    attention
        Ends it by the clock or by Ctrl-C.
    ends_at
        When it ends, by ``time.perf_counter``, if the time left is enough for the finals.
    seeds
        Of the finals; 1 for none.
    shown
        Is told of the trials after each group.
    draw
        Shows how it goes.
    workers
        Groups that train at the same time, each in a process of its own where there are several.
    """

    study: Study
    halving: Halving
    parts_for: Callable[[Recipe], Parts]
    model: Any
    trials: int | None
    attention: Attention
    shown: Callable[[Sequence[Trial]], None]
    draw: Callable[[], None] = lambda: None
    workers: int = 1
    ends_at: float = math.inf
    seeds: int = 1
    best: Member | None = None
    best_value: float = math.nan
    begun: float = field(default_factory=time.perf_counter)
    _useful: dict[str, int] = field(default_factory=dict)

    def together(self, values: Mapping[str, Any]) -> int:
        """Return how many points of that structure are best tried at once."""
        if self.trials is None:
            most = max(FEWEST_TOGETHER, len(self.study.trials) // ROUNDS)
        else:
            most = max(1, self.trials // ROUNDS)
        key = repr(structure(values))
        if key not in self._useful:
            try:
                recipes = [self.study.space.recipe(values)]
                job = make_members(recipes, self.parts_for, self.model, vitals=False)[0].job
            except InputError:  # said when it is tried
                return 1
            size = useful_size(job.model, int(job.recipe.batch_size or job.train.rows or 1))
            self._useful[key] = 1 if signature(job) is None else size
        return min(most, self._useful[key])

    def over(self) -> bool:
        """Say whether time is up or somebody pressed Ctrl-C."""
        now = time.perf_counter()
        if self.attention.interrupted or now >= self.attention.ends_at:
            return True
        return now >= self.ends_at and self.has_time_for_finals()

    def look(self) -> bool:
        """Show how it goes, and end what is in training here where it is over; say whether it is."""
        self.draw()
        over = self.over()
        if over:
            self.attention.end("time-budget")
        return over

    def has_time_for_finals(self) -> bool:
        """Say whether two recipes can be trained with two seeds each, by how long the best one's took."""
        best = best_first(self.study.trials, higher=self.halving.higher)
        if self.seeds == 1 or not best:
            return bool(best)
        groups = max(1.0, 2 / self.together(best[0].values))
        left = self.attention.ends_at - time.perf_counter()
        return max(2.0, 2 * groups / self.workers) * _whole_training(best[0]) <= left


def search(state: Search) -> None:
    """Try points until there are enough, or no more, or the time is up; the study has them then."""
    waiting: deque[list[_Attempt]] = deque()
    running: dict[int, tuple[list[_Attempt], float]] = {}
    rounds, ahead = 0, False
    with Workers(state.workers, state.attention, state.halving, state.look) as workers:
        while True:
            while not state.over() and (rounds < HOPELESS or not _hopeless(state)):
                if not waiting and (workers.free() or ahead):
                    points = _next_points(state, workers.members())
                    waiting += _made_ready(state, points)
                    rounds += 1
                    if points and not waiting:  # none of them could train
                        continue
                if not waiting or not workers.free():
                    break
                attempts = waiting.popleft()
                # Groups are over soon: no worker shall wait for what is proposed when one has ended.
                ahead = workers.count > 1 and len(attempts) > 1
                running[id(attempts[0].member)] = attempts, time.perf_counter() - state.begun
                workers.start([attempt.member for attempt in attempts])
            ended = workers.ended()
            if not ended:
                break
            for group in ended:
                attempts, began = running.pop(id(group[0]))
                for attempt in attempts:
                    _keep_trained(state, attempt, began + state.study.begun)
                state.shown(state.study.trials)
    for attempts in waiting:
        for attempt in attempts:
            state.study.keep(attempt.point, None)


def _hopeless(state: Search) -> bool:
    trials = state.study.trials
    return bool(trials) and all(math.isnan(trial.value) for trial in trials)


def _whole_training(trial: Trial) -> float:
    """Return about how many seconds the trial's recipe trains, if nobody drops it."""
    epochs, seconds = trial.curve.get("epoch", ()), trial.curve.get("seconds", ())
    if len(epochs) < 2:
        return math.inf
    each = (seconds[-1] - seconds[0]) / (epochs[-1] - epochs[0])
    return each * (trial.epochs if trial.state == "finished" else trial.recipe.epochs)


def _next_points(state: Search, running: int) -> list[dict[str, Any]]:
    """Return the points of the next round: few leave more to be learned from, many train as one network."""
    study = state.study
    left = math.inf if state.trials is None else state.trials - len(study.trials) - running
    if left < 1:
        return []
    if not study.sampling.keeps_structure:
        return study.ask(int(min(AT_ONCE, left)))
    (first,) = study.ask(1)
    return [first, *study.ask(int(min(left, state.together(first))) - 1, like=first)]


def _made_ready(state: Search, points: Sequence[Mapping[str, Any]]) -> list[list[_Attempt]]:
    """Return the points in groups that train together; those that cannot train are kept as failed."""
    study = state.study
    ready: list[tuple[Mapping[str, Any], Recipe]] = []
    for point in points:
        try:
            ready.append((point, study.recipe(point)))
        except InputError as error:
            _keep_failed(study, point, study.space.base, error)
    refused: dict[int, InputError] = {}
    recipes = [recipe for _, recipe in ready]
    members = make_members(recipes, state.parts_for, state.model, vitals=False, refused=refused)
    for place, why in refused.items():
        _keep_failed(study, *ready[place], why)
    return [[_Attempt(member, *ready[member.place]) for member in group] for group in group_members(members)]


def _keep_failed(study: Study, point: Mapping[str, Any], recipe: Recipe, error: InputError) -> None:
    number = len(study.trials)
    study.keep(point, Trial(number, dict(point), recipe, "failed", reason=error.message))


def _keep_trained(state: Search, attempt: _Attempt, began: float) -> None:
    member, number = attempt.member, len(state.study.trials)
    trial = trial_of(member, number, attempt.point, attempt.recipe, began)
    state.study.keep(attempt.point, trial)
    better = trial.value > state.best_value if state.halving.higher else trial.value < state.best_value
    if trial.state != "failed" and (better or math.isnan(state.best_value)):
        state.best, state.best_value = member, trial.value


def trial_of(member: Member, number: int, point: Mapping[str, Any], recipe: Recipe, began: float) -> Trial:
    """Return how a member's training went; ``began`` is the second of the search at which its group did."""
    best, monitor = member.state.best, member.job.recipe.monitor
    history = to_history(member.state.rows, monitor=monitor, best_epoch=best.epoch, ended_by=member.ended)
    failed = best.epoch is None or not math.isfinite(best.value)
    ends: dict[str, State] = {"dropped": "dropped", "time-budget": "cut", "interrupted": "cut"}
    row = history.best_row
    return Trial(
        number=number,
        values=dict(point),
        recipe=recipe,
        state="failed" if failed else ends.get(str(member.ended), "finished"),
        value=math.nan if failed else best.value,
        epochs=float(history["epoch"][-1]) if len(history) else 0.0,
        best_epoch=math.nan if best.epoch is None else best.epoch,
        found=math.nan if row is None else began + float(history["seconds"][row]),
        curve=_curve(history, began),
        reason=Message("tuning.failed.not-finite") if failed else None,
    )


def _curve(history: History, began: float) -> dict[str, tuple[float, ...]]:
    names = dict.fromkeys(("epoch", "train_loss", history.monitor))
    curve = {name: tuple(history[name].tolist()) for name in names if name in history}
    return curve | {"seconds": tuple((began + history["seconds"]).tolist())}


def best_trials(state: Search, budget: float | None) -> list[Trial]:
    """Return the trials, the best first.

    Raises
    ------
    InputError
        There is none that trained for an epoch.
    """
    trials = state.study.trials
    best = best_first(trials, higher=state.halving.higher)
    if any(trial.epochs >= 1 for trial in best):
        return best
    if state.attention.interrupted:
        raise KeyboardInterrupt
    why = failures(trials)
    if why:
        reason = why[0].values["reason"]
        raise InputError("tune.all-failed", count=len(trials), reason=reason)
    raise InputError("tune.no-time", seconds=f"{budget or 0:g}")


def what_ended(state: Search) -> SearchEnd:
    """Return what ended the search."""
    if state.attention.interrupted:
        return "interrupted"
    if state.trials is not None and len(state.study.trials) >= state.trials:
        return "trials"
    return "time-budget" if state.over() else "no-more"
