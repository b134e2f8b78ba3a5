"""What would really have helped: counterfactual labels of runs, from the test loss over 8 seeds.

A run is a group, a learning rate and a length. Each label compares its test loss, seed by seed, with that
of the run in which one thing is changed. More than 5 % better (mean of the log ratios) with p < .01
(one-sided paired t-test) is positive, less than 1 % negative, and what lies between is not scored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CODES = ("overfitting", "not-converged", "underfitting", "learning-rate-too-high", "learning-rate-too-low")
POSITIVE, NEGATIVE, ALPHA = 0.05, 0.01, 0.01
WORST = 1e6


@dataclass(frozen=True)
class Run:
    """One run: its curves by seed, and what would have helped."""

    name: str
    facts: dict[str, Any]
    rate: int
    epochs: int
    curves: dict[str, NDArray]  # each (seeds, epochs)
    gains: dict[str, float]  # relative improvement of the test loss by each change
    labels: dict[str, bool | None]
    later: NDArray  # the validation loss after 4 x the epochs, by seed

    @property
    def healthy(self) -> bool:
        """No change that was tried would have gained 5 %, and it is finite."""
        return all(gain < POSITIVE for gain in self.gains.values()) and self.better_than_prior

    @property
    def sound(self) -> bool:
        """Healthy, and every label that there is is negative."""
        return self.healthy and all(label is False for label in self.labels.values())

    @property
    def better_than_prior(self) -> bool:
        return bool(np.median(self.curves["valid_loss"][:, -1]) < 0.98 * self.facts["prior_loss"])


def compare(before: NDArray, after: NDArray) -> tuple[float, bool | None]:
    """Return the relative improvement and whether it is one."""
    before, after = (
        np.log(np.clip(np.nan_to_num(v.astype(float), nan=WORST, posinf=WORST), 1e-12, WORST))
        for v in (before, after)
    )
    ratio = after - before
    gain = 1 - float(np.exp(ratio.mean()))
    if gain < NEGATIVE:
        return gain, False
    if gain <= POSITIVE:
        return gain, None
    p = stats.ttest_1samp(ratio, 0, alternative="less").pvalue if ratio.std() > 1e-9 else 0.0
    return gain, True if p < ALPHA else None


def runs(folder: Path) -> Iterator[Run]:
    """Yield every run of every group in a folder made by make_runs.py."""
    for file in sorted(folder.glob("*.npz")):
        if not file.name.endswith(".part.npz"):
            yield from runs_of(file)


def runs_of(file: Path) -> Iterator[Run]:
    with np.load(file) as stored:
        group = {name: stored[name] for name in stored.files}
    facts = json.loads(str(group.pop("facts")))
    lengths = facts["lengths"]
    cosine = facts["design"]["schedule"] == "cosine"
    for length in lengths:
        base = f"base-{length}" if cosine else f"base-{4 * lengths[-1]}"
        longer = f"base-{4 * length}" if cosine else base
        wide = f"wide-{length}" if cosine else f"wide-{lengths[-1]}"
        upto = {which: _row(group, which, length) for which in (base, wide)}
        for rate in range(len(facts["design"]["rates"])):
            curves = {
                name: group[f"{base}/{name}"][rate, :, : upto[base] + 1]
                for name in (
                    "train_loss",
                    "running_loss",
                    "valid_loss",
                    "test_loss",
                    "train_metric",
                    "valid_metric",
                )
            }
            test = curves["test_loss"]
            last = test[:, -1]
            after = {
                "overfitting": np.fmin.reduce(test, axis=1),
                "not-converged": group[f"{longer}/test_loss"][rate, :, _row(group, longer, 4 * length)],
                "underfitting": group[f"{wide}/test_loss"][rate, :, upto[wide]],
            }
            if rate > 0:
                after["learning-rate-too-high"] = group[f"{base}/test_loss"][rate - 1, :, upto[base]]
            if rate < len(facts["design"]["rates"]) - 1:
                after["learning-rate-too-low"] = group[f"{base}/test_loss"][rate + 1, :, upto[base]]
            judged = {code: compare(last, values) for code, values in after.items()}
            labels = {code: label for code, (_, label) in judged.items()}
            if labels["overfitting"] and _training_rose(curves):
                labels["overfitting"] = None
            gains = {code: gain for code, (gain, _) in judged.items()}
            later = group[f"{longer}/valid_loss"][rate, :, _row(group, longer, 4 * length)]
            yield Run(f"{file.stem}-r{rate}-e{length}", facts, rate, length, curves, gains, labels, later)


def _row(group: dict[str, NDArray], which: str, epoch: int) -> int:
    return int(np.flatnonzero(group[f"{which}/epochs"] == epoch)[0])


def _training_rose(curves: dict[str, NDArray]) -> bool:
    """Say whether the training loss, too, is higher at the end than where the test loss was lowest."""
    train, test = curves["train_loss"], curves["test_loss"]
    lowest = np.where(np.isfinite(test), test, np.inf).argmin(1)
    then = train[np.arange(len(train)), lowest]
    return not bool(np.median(train[:, -1] - then) < 0)
