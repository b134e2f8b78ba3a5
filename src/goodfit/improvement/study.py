"""The study: every trial of a search, kept where a killed process, others and Optuna's dashboard find it."""

from __future__ import annotations

import json
import math
import random
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from goodfit.errors import InputError
from goodfit.improvement.sampling import (
    distributions,
    make_sampling,
    optuna_values,
    space_values,
)
from goodfit.improvement.space import Space
from goodfit.improvement.storage import open_study, reaching, remove_study, without_password
from goodfit.improvement.trial import State, Trial
from goodfit.messages import Message
from goodfit.recipe import Recipe

__all__ = ["Study"]

FACTS = "goodfit"
"""Name of the attribute, of study and trials, that holds what is goodfit's own."""
PROCESS = "goodfit process "
"""Begins the names of the attributes in which each process that took part writes that it did."""
LONGEST_CURVE = 200
"""Epochs of a curve that are kept in a storage; of longer ones every second, third, ..."""
SEEDS = 2**31
"""A trial's seed is below this: so many that the finals' seeds are new to every recipe."""
SHOWN_EPOCHS = 5
"""Points of a curve that Optuna's own figures get; each costs a database a millisecond."""


class Study:
    """Trials that are done, in memory and in Optuna's storage, and a sampling that learns from them.

    A trial is written once, when it has ended: a process that is killed leaves none half done, and its
    points are free to be tried again. Trials of other processes are taken in before points are asked for.

    Parameters
    ----------
    space
        What is searched.
    sampler, seed
        What proposes, see `make_sampling`, and what the trials' own seeds are drawn by; a process that is
        not the study's first has a seed of its own.
    storage
        An address such as ``sqlite:///study.db`` or ``postgresql://...``, the path of a ``.db`` file or, for
        folders that several machines share, of a ``.journal`` file; None: in memory alone.
    name
        Of the study in its storage.
    facts
        What two searches must have in common to share a study, as plain data.

    Raises
    ------
    InputError
        The storage cannot be reached, or holds a study of that name with other facts.
    """

    def __init__(
        self,
        space: Space,
        sampler: str,
        *,
        seed: int,
        higher: bool,
        storage: str | None = None,
        name: str = "study",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.space = space
        self.trials: list[Trial] = []
        self._process = uuid.uuid4().hex
        self._seen: set[int] = set()
        self._unnumbered: deque[int] = deque()
        self._kept: Any = None
        self._address = storage or ""

        def begin(own_seed: int) -> None:
            self.sampling = make_sampling(sampler, space, seed=own_seed, higher=higher)
            self._seeds = random.Random(own_seed)

        begin(seed)
        if storage is not None:
            self._join(storage, name, higher, facts or {}, begin)
        self.begun = max((trial.found for trial in self.trials if math.isfinite(trial.found)), default=0.0)

    def ask(self, count: int, like: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return points to try next; where the sampling can, with the structure of the point ``like``."""
        if like is None:
            self.take_in()
        return self.sampling.ask(count, like)

    def recipe(self, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe at a point that was asked for, with a seed of its own.

        Raises
        ------
        InputError
            The fields do not go together.
        """
        return self.space.recipe(values).replace(seed=self._seeds.randrange(SEEDS))

    def keep(self, values: Mapping[str, Any], trial: Trial | None) -> None:
        """Keep a trial of a point that was asked for; None where there was no time to try it."""
        self.sampling.tell(values, trial)
        if trial is None:
            return
        self.trials.append(trial)
        if self._kept is not None:
            self._unnumbered.append(len(self.trials) - 1)
            with reaching(self._address):
                self._kept.add_trial(_frozen(trial, self.space, self._process))

    def take_in(self) -> None:
        """Take in what others, or an earlier search, have tried, and the numbers that ours have there."""
        if self._kept is None:
            return
        with reaching(self._address):
            frozen = self._kept.get_trials(deepcopy=False)
        for other in frozen:
            if other.number in self._seen or not other.state.is_finished():
                continue
            self._seen.add(other.number)
            told = json.loads(other.user_attrs.get(FACTS, "{}"))
            if told and told["process"] == self._process:
                place = self._unnumbered.popleft()
                self.trials[place] = replace(self.trials[place], number=other.number)
            elif told:
                trial = _trial(other, told, self.space)
                self.trials.append(trial)
                self.sampling.take_in(trial)

    def remove_if_empty(self) -> None:
        """Take the study out of its storage where nothing was tried, unless another process has joined it."""
        if self._kept is None or self.trials or len(self._processes()) > 1:
            return
        with reaching(self._address):
            remove_study(self._address, self._kept.study_name)

    def _processes(self) -> list[str]:
        with reaching(self._address):
            return [key for key in self._kept.user_attrs if key.startswith(PROCESS)]

    def _join(
        self,
        storage: str,
        name: str,
        higher: bool,
        facts: Mapping[str, Any],
        begin: Callable[[int], None],
    ) -> None:
        ours = json.dumps(facts, sort_keys=True)
        with reaching(self._address):
            self._kept = open_study(storage, name, higher=higher)
            known = self._kept.user_attrs.get(FACTS)
            if known is None and not self._kept.get_trials(deepcopy=False):
                self._kept.set_user_attr(FACTS, ours)
                self._kept.set_metric_names([facts.get("monitor", "value")])
                known = ours
        shown = without_password(storage)
        if known is None:
            raise InputError("tune.study-of-others", name=name, storage=shown)
        _check_same(json.loads(known), json.loads(ours), name, shown)
        with reaching(self._address):
            self._kept.set_user_attr(PROCESS + self._process, True)
        if len(self._processes()) > 1:  # else it would propose what the first one did
            begin(int(self._process[:8], 16))
        self.take_in()


def _check_same(known: Mapping[str, Any], ours: Mapping[str, Any], name: str, storage: str) -> None:
    codes = {"space": "tune.other-space", "data": "tune.other-data"}
    for what in dict.fromkeys([*codes, *known, *ours]):
        if known.get(what) != ours.get(what):
            raise InputError(codes.get(what, "tune.other-recipe"), name=name, storage=storage)


def _frozen(trial: Trial, space: Space, process: str) -> Any:
    import optuna

    states = optuna.trial.TrialState
    state = {"finished": states.COMPLETE, "failed": states.FAIL}.get(trial.state, states.PRUNED)
    told = {
        "process": process,
        "seed": trial.recipe.seed,
        "state": trial.state,
        "value": _number(trial.value),
        "epochs": trial.epochs,
        "best_epoch": _number(trial.best_epoch),
        "found": _number(trial.found),
        "curve": {name: _thinned(values) for name, values in trial.curve.items()},
        "reason": None if trial.reason is None else trial.reason.to_dict(),
    }
    steps = trial.curve.get("epoch", ())
    monitored = next(
        (values for name, values in trial.curve.items() if name not in ("epoch", "seconds", "train_loss")), ()
    )
    few = range(0, len(monitored), max(1, len(monitored) // SHOWN_EPOCHS))
    frozen: Any = optuna.trial.create_trial(
        state=state,
        value=trial.value if state == states.COMPLETE else None,
        params=optuna_values(space, trial.values),
        distributions=distributions(space),
        user_attrs={FACTS: json.dumps(told, allow_nan=False)},
        intermediate_values={int(steps[place]): monitored[place] for place in few},
    )
    if seconds := trial.curve.get("seconds"):  # Optuna's figures show how long each took
        frozen.datetime_start = frozen.datetime_complete - timedelta(seconds=seconds[-1] - seconds[0])
    return frozen


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _thinned(values: Sequence[float]) -> list[float | None]:
    every = -(-len(values) // LONGEST_CURVE) or 1
    return [None if _number(value) is None else float(f"{value:.6g}") for value in values[::every]]


def _trial(frozen: Any, told: Mapping[str, Any], space: Space) -> Trial:
    values = space_values(space, frozen.params)

    def known(value: float | None) -> float:
        return math.nan if value is None else float(value)

    state: State = told["state"]
    return Trial(
        number=frozen.number,
        values=values,
        recipe=space.recipe(values).replace(seed=told["seed"]),
        state=state,
        value=known(told["value"]),
        epochs=float(told["epochs"]),
        best_epoch=known(told["best_epoch"]),
        found=known(told["found"]),
        curve={name: tuple(map(known, values)) for name, values in told["curve"].items()},
        reason=None if told["reason"] is None else Message.from_dict(told["reason"]),
    )
