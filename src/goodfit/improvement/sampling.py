"""What to try next: Optuna's samplers and grids behind one face, asked for many points at once.

Samplers learn from a study in memory, whatever storage the trials are kept in: so a trial costs the storage
one write, and nothing that a storage holds is ever executed (Optuna's CMA-ES keeps its state pickled).
"""

from __future__ import annotations

import importlib
import math
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from goodfit.errors import InputError
from goodfit.improvement.space import Choices, Space, label
from goodfit.improvement.trial import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "SAMPLERS",
    "Sampling",
    "distributions",
    "make_sampling",
    "optuna_values",
    "quiet",
    "space_values",
    "structure",
]

SAMPLERS = ("tpe", "cmaes", "quasi-random", "random", "grid")
STARTED_AT_RANDOM = 10
"""Points that TPE draws at random before it learns from what it was told."""
MOST_POINTS = 100_000
"""Of a grid, all of which are drawn up before the first is tried."""
BEST_KNOWN, OTHERS_KNOWN = 50, 150
"""Trials that TPE goes on learning from where there are twice as many: the best ones, of which it imitates
25, and a random part of the others, whose density it needs. What it knows makes a proposal longer."""
STRUCTURE = frozenset(
    {
        "model",
        "hidden",
        "members",
        "activation",
        "normalization",
        "optimizer",
        "loss",
        "batch_size",
        "precision",
    }
)
"""Recipe fields by which trainings can or cannot be one population."""


class Sampling(Protocol):
    """Proposes points of a space and learns from how they went.

    Attributes
    ----------
    keeps_structure
        Whether it can propose points of one structure, so as to train as one network.
    """

    keeps_structure: bool

    def ask(self, count: int, like: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return up to ``count`` points to try next; none where there are no more.

        Parameters
        ----------
        like
            A point whose structure they shall have, where it can.
        """

    def tell(self, values: Mapping[str, Any], trial: Trial | None) -> None:
        """Take in how a point that was asked for went; None where it was not tried."""

    def take_in(self, trial: Trial) -> None:
        """Take in a trial that somebody else proposed, or an earlier search."""


def make_sampling(name: str, space: Space, *, seed: int, higher: bool) -> Sampling:
    """Return the sampling of that name.

    Raises
    ------
    InputError
        There is none of that name; a grid of a range without a step; a package is missing.
    """
    if name not in SAMPLERS:
        raise InputError("tune.sampler", sampler=name, known=list(SAMPLERS))
    if name == "grid":
        return Grid(space, seed)
    return OptunaSampling(name, space, seed, higher)


class OptunaSampling:
    """TPE (Bergstra et al. 2011), CMA-ES (Hansen 2016), Sobol points, or random ones, by Optuna.

    TPE is told of the points that are being tried, so that it does not propose the same again. CMA-ES moves
    among the numbers; choices are drawn at random for it.
    """

    def __init__(self, name: str, space: Space, seed: int, higher: bool) -> None:
        self._optuna = _needs("optuna")
        self._distributions, self._space = distributions(space), space
        self._asked: dict[int, tuple[dict[str, Any], Any]] = {}
        self.keeps_structure = name == "tpe"
        self._openings = _openings(space, seed) if self.keeps_structure else []
        self._known: list[Trial] = []
        self._higher, self._drawn = higher, random.Random(seed)
        with quiet():
            self._sampler = _sampler(name, seed)
        self._begin()

    def _begin(self) -> None:
        direction = "maximize" if self._higher else "minimize"
        with quiet():
            self._study = self._optuna.create_study(sampler=self._sampler, direction=direction)

    def ask(self, count: int, like: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return points to try next."""
        if self.keeps_structure and len(self._known) > 2 * (BEST_KNOWN + OTHERS_KNOWN):
            self._forget()
        return [self._ask_one(like) for _ in range(count)]

    def _forget(self) -> None:
        """Learn from a part of the trials alone, in a study of their own."""

        def rank(trial: Trial) -> tuple[float, float]:  # as TPE does: those that were dropped by their epochs
            epochs = math.inf if trial.state == "finished" else trial.epochs
            return -epochs, -trial.value if self._higher else trial.value

        known = sorted(self._known, key=rank)
        kept = [*known[:BEST_KNOWN], *self._drawn.sample(known[BEST_KNOWN:], OTHERS_KNOWN)]
        self._known = []
        self._asked = {key: (point, None) for key, (point, _) in self._asked.items()}
        self._begin()
        for trial in kept:
            self.take_in(trial)

    def _ask_one(self, like: Mapping[str, Any] | None) -> dict[str, Any]:
        fixed: Mapping[str, Any] = {}
        if like is not None and self.keeps_structure:
            fixed = structure(optuna_values(self._space, like))
        elif self._openings:
            fixed = self._openings.pop()
        with quiet():
            fixing = self._optuna.samplers.PartialFixedSampler
            self._study.sampler = fixing(dict(fixed), self._sampler) if fixed else self._sampler
            asked = self._study.ask(self._distributions)
        point = space_values(self._space, asked.params)
        self._asked[id(point)] = point, asked
        return point

    def tell(self, values: Mapping[str, Any], trial: Trial | None) -> None:
        """Take in how a point went; ``values`` is the very object that `ask` returned."""
        (_, asked), states = self._asked.pop(id(values)), self._optuna.trial.TrialState
        if asked is None:  # asked for in a study that was forgotten
            if trial is not None:
                self.take_in(trial)
            return
        with quiet():
            if trial is None or trial.state == "failed":
                self._study.tell(asked, state=states.FAIL)
                return
            self._known.append(trial)
            if trial.state == "finished":
                self._study.tell(asked, trial.value)
            else:
                asked.report(trial.value, int(trial.epochs))
                self._study.tell(asked, state=states.PRUNED)

    def take_in(self, trial: Trial) -> None:
        """Take in a trial that somebody else proposed."""
        if trial.state == "failed":
            return
        self._known.append(trial)
        finished, states = trial.state == "finished", self._optuna.trial.TrialState
        with quiet():
            self._study.add_trial(
                self._optuna.trial.create_trial(
                    state=states.COMPLETE if finished else states.PRUNED,
                    value=trial.value if finished else None,
                    params=optuna_values(self._space, trial.values),
                    distributions=self._distributions,
                    intermediate_values={} if finished else {int(trial.epochs): trial.value},
                )
            )


class Grid:
    """Every point of the space once, in an order drawn from the seed, so that a part of them is fair."""

    keeps_structure = False

    def __init__(self, space: Space, seed: int) -> None:
        if space.size() > MOST_POINTS and math.isfinite(space.size()):
            raise InputError("tune.grid-too-large", count=int(space.size()))
        self._left = list(space.grid())
        random.Random(seed).shuffle(self._left)

    def ask(self, count: int, like: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return points that have not been tried."""
        asked, self._left = self._left[:count], self._left[count:]
        return asked

    def tell(self, values: Mapping[str, Any], trial: Trial | None) -> None:
        """Take in how a point went; one that was not tried is proposed again."""
        if trial is None:
            self._left.insert(0, dict(values))

    def take_in(self, trial: Trial) -> None:
        """Leave out what somebody else has tried."""
        self._left = [point for point in self._left if point != dict(trial.values)]


def structure(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a point decides with which others it can train as one network."""
    return {name: value for name, value in values.items() if name.partition(".")[0] in STRUCTURE}


def _openings(space: Space, seed: int) -> list[dict[str, str]]:
    """Return structures to begin with, so that each choice of one comes before any is preferred."""
    drawn = random.Random(seed)
    every = {
        name: drawn.sample([label(option) for option in dimension.options], len(dimension.options))
        for name, dimension in space.dimensions.items()
        if isinstance(dimension, Choices) and structure({name: None})
    }
    count = min(STARTED_AT_RANDOM, max((len(options) for options in every.values()), default=0))
    return [
        {name: options[place % len(options)] for name, options in every.items()} for place in range(count)
    ]


def _sampler(name: str, seed: int) -> Any:
    samplers = _needs("optuna").samplers
    match name:
        case "tpe":
            return samplers.TPESampler(
                seed=seed, n_startup_trials=STARTED_AT_RANDOM, multivariate=True, constant_liar=True
            )
        case "cmaes":
            _needs("cmaes")
            return samplers.CmaEsSampler(
                seed=seed, consider_pruned_trials=True, warn_independent_sampling=False
            )
        case "quasi-random":
            return samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
    return samplers.RandomSampler(seed=seed)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the space as Optuna has it; choices by their labels."""
    of = _needs("optuna").distributions
    found: dict[str, BaseDistribution] = {}
    for name, dimension in space.dimensions.items():
        if isinstance(dimension, Choices):
            found[name] = of.CategoricalDistribution([label(option) for option in dimension.options])
            continue
        low, high, log = dimension.low, dimension.high, dimension.log
        if dimension.whole:
            found[name] = of.IntDistribution(int(low), int(high), log=log, step=int(dimension.step or 1))
        else:
            top = high if dimension.step is None else (dimension.values() or (high,))[-1]
            found[name] = of.FloatDistribution(low, top, log=log, step=dimension.step)
    return found


def space_values(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe's values for those of Optuna."""
    found = {}
    for name, dimension in space.dimensions.items():
        value = values[name]
        if isinstance(dimension, Choices):
            value = next(option for option in dimension.options if label(option) == value)
        found[name] = value
    return found


def optuna_values(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of the space as Optuna has them: numbers of ranges, labels of choices."""
    return {
        name: label(values[name]) if isinstance(dimension, Choices) else values[name]
        for name, dimension in space.dimensions.items()
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from telling of its own on stderr, and from warning of what is experimental in it."""
    optuna = _needs("optuna")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(before)


def _needs(package: str) -> Any:
    """Return a package of the extra ``tune``.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError("extra.missing", package=package, extra="tune") from None
