"""From runs to cases: what the diagnoser is shown of one run, and the traits of what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from labels import Run, runs

from goodfit.observations import History, Observations

SHOWN = ("at-epoch-end", "running-mean", "none")


@dataclass(frozen=True)
class Case:
    """One seed of a run, and how much of it is seen."""

    run: Run
    seed: int
    train_loss: str = "at-epoch-end"  # one of SHOWN: how the training loss was measured
    rate: bool = False  # the learning rate was logged
    rows: bool = False  # the number of validation rows is known
    every: int = 1  # epochs from one validation to the next

    @property
    def name(self) -> str:
        return f"{self.run.name}-s{self.seed}-{self.train_loss}{'-rate' if self.rate else ''}"

    @property
    def data(self) -> str:
        return str(self.run.facts["data"])

    @property
    def held_out(self) -> bool:
        return bool(self.run.facts["part"] == "held-out")

    def columns(self) -> dict[str, np.ndarray]:
        curves = self.run.curves
        epoch = np.arange(1.0, self.run.epochs + 1)
        columns = {"epoch": epoch}
        if self.train_loss != "none":
            which = "running_loss" if self.train_loss == "running-mean" else "train_loss"
            columns["train_loss"] = curves[which][self.seed]
        columns["valid_loss"] = curves["valid_loss"][self.seed]
        if self.rate:
            columns["learning_rate"] = self._rates(epoch)
        start = (len(epoch) - 1) % self.every
        return {name: values[start :: self.every] for name, values in columns.items()}

    def _rates(self, epoch: np.ndarray) -> np.ndarray:
        design = self.run.facts["design"]
        share = 0.5 * (1 + np.cos(np.pi * epoch / self.run.epochs)) if design["schedule"] == "cosine" else 1.0
        return design["rates"][self.run.rate] * share * np.ones(len(epoch))

    def observations(self) -> Observations:
        """The curves alone: neither data nor recipe."""
        kind = self.train_loss if self.train_loss != "none" else "unknown"
        rows = self.run.facts["valid_rows"] if self.rows else None
        return Observations(History(self.columns()), train_loss_is=kind, valid_rows=rows)


def ordinary(run: Run, rng: np.random.Generator) -> bool:
    """Keep the middle learning rates, and a third of those at either end."""
    ends = run.rate in (0, len(run.facts["design"]["rates"]) - 1)
    return bool(not ends or rng.random() < 1 / 3)


def scored_cases(folder: Path, healthy: float = 0.4, per_run: int = 2, seed: int = 0) -> list[Case]:
    """Draw the cases that tools are judged on: two seeds of each run, seen whole.

    Those that are not healthy are thinned so that the share of healthy ones is `healthy`.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for run in runs(folder):
        if not ordinary(run, rng):
            continue
        for pick in rng.permutation(run.facts["design"]["seeds"])[:per_run]:
            drawn.append(Case(run, int(pick), SHOWN[int(rng.integers(2))], bool(rng.integers(2))))
    well = [case for case in drawn if case.run.healthy]
    ill = [case for case in drawn if not case.run.healthy]
    count = min(len(ill), round(len(well) * (1 - healthy) / healthy))
    return well + [ill[i] for i in sorted(rng.permutation(len(ill))[:count])]


def training_cases(folder: Path, per_run: int = 4, seed: int = 1) -> list[Case]:
    """Draw the cases that a model is fitted to: several seeds of each development run, seen in many ways."""
    rng = np.random.default_rng(seed)
    drawn = []
    for run in runs(folder):
        if run.facts["part"] != "development" or not ordinary(run, rng):
            continue
        for pick in rng.permutation(run.facts["design"]["seeds"])[:per_run]:
            shown = str(rng.choice(SHOWN, p=[0.45, 0.45, 0.1]))
            every = int(rng.choice([1, 1, 1, 1, 2, 3])) if run.epochs >= 24 else 1
            drawn.append(Case(run, int(pick), shown, bool(rng.integers(2)), bool(rng.integers(2)), every))
    return drawn
