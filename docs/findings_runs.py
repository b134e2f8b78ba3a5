"""Train a network for each finding that has it, and keep what was found with a picture.

    python docs/findings_runs.py [CODE...]

Writes `findings/<code>.svg` (and those in Spanish) and `findings/runs.json`, in some two minutes on one core.
The runs whose fault lies in layers, data or outputs are those of `benchmarks/diagnosis/planted.py`; those of
curves are here. What the curves alone tell is diagnosed from the curves alone, as from a log.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn import datasets
from torch import nn

import goodfit
from findings_pages import PAGES, codes, families, folder, texts
from goodfit.diagnosis.diagnose import diagnose
from goodfit.diagnosis.layers import relative_gradients
from goodfit.finding import Finding
from goodfit.messages import LANGUAGES, say
from goodfit.observations import Observations
from goodfit.plots.curves import learning_curves
from goodfit.plots.style import MUTED, TRAIN, VALID, add_legend, name_axes, new_figure
from goodfit.plots.svg import to_svg

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "diagnosis"))

LAYERS = {
    "exploding-gradients": "gradients",
    "vanishing-gradients": "gradients",
    "dead-units": "dead",
    "saturated-units": "saturated",
    "bad-initialization": "spread",
}
"""What is drawn of the layers, where that shows the finding better than curves."""


def planted(fault: str, data: str, network: str, seed: int = 0) -> Callable[[], Observations]:
    """Return a training with one of the benchmark's faults."""

    def train() -> Observations:
        planting = importlib.import_module("planted")
        (plant,) = [known.plant for known in planting.FAULTS if known.name == fault]
        plan = plant(planting.sound(data, network, seed), np.random.default_rng(seed))
        return planting.run(plan)[0]

    return train


def curves(
    source: Callable[..., Any],
    rows: int,
    hidden: tuple[int, ...],
    *,
    valid: int = 400,
    wrong: float = 0.0,
    clean: bool = False,
    **fields: Any,
) -> Callable[[], Observations]:
    """Return a training of so many rows of a data set, of which only the curves are looked at.

    ``wrong`` is the share of the labels that are drawn anew; ``clean``: of the training rows alone.
    """

    def train() -> Observations:
        inputs, target = source(return_X_y=True) if source.__name__.startswith("load") else source()
        rng = np.random.default_rng(0)
        order = rng.permutation(len(inputs))[: rows + valid]
        inputs, target = inputs[order], target[order]
        spread = inputs[:rows].std(0)
        inputs = (inputs - inputs[:rows].mean(0)) / np.where(spread > 1e-9, spread, np.inf)
        values = target.dtype.kind == "f"
        if values:
            target = ((target - target[:rows].mean()) / target[:rows].std())[:, None].astype(np.float32)
        else:
            drawn = rng.random(len(target)) < wrong
            drawn[rows:] &= not clean
            target[drawn] = rng.permutation(target[drawn])
        x, y = torch.tensor(inputs, dtype=torch.float32), torch.tensor(target)
        torch.manual_seed(0)
        widths = (x.shape[1], *hidden, 1 if values else int(y.max()) + 1)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        run = goodfit.train(
            (x[:rows], y[:rows]),
            valid=(x[rows:], y[rows:]),
            model=nn.Sequential(*layers[:-1]),
            **{"loss": "mse" if values else "cross_entropy", "patience": None, "keep_going": True, **fields},
        )
        known = {} if values else {"classes": widths[-1], "task": run.observations.task}
        history = replace(run.history, best_epoch=None)
        return Observations(
            history, valid_rows=valid, train_loss_is="at-epoch-end", recipe=run.recipe, **known
        )

    return train


def spoiled(data: str, network: str, spoil: Callable[[nn.Module], None]) -> Callable[[], Observations]:
    """Return a training of the benchmark's whose network is spoiled before it begins."""

    def train() -> Observations:
        planting = importlib.import_module("planted")
        plan = planting.sound(data, network, 0)
        spoil(plan.network)
        return planting.run(plan)[0]

    return train


def first_weights_too_large(network: nn.Module) -> None:
    """Multiply the first layer's weights by 50."""
    with torch.no_grad():
        next(network.parameters()).mul_(50)


class Recurrent(nn.Module):
    """A recurrent layer whose weights begin far too large, so that its states are chaos."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.last = nn.RNN(1, 32, batch_first=True), nn.Linear(32, 2)
        nn.init.normal_(self.recurrent.weight_hh_l0, std=0.5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits after the last step."""
        logits: torch.Tensor = self.last(self.recurrent(inputs)[0][:, -1])
        return logits


def recurrent() -> Observations:
    """Return a training on sequences whose sum is to be told positive from negative."""
    torch.manual_seed(0)
    inputs = torch.randn(1200, 60, 1)
    labels = (inputs.sum((1, 2)) > 0).long()
    parts = (inputs[:800], labels[:800]), (inputs[800:], labels[800:])
    fields: dict[str, Any] = {"loss": "cross_entropy", "optimizer": "sgd", "learning_rate": 0.1}
    network = Recurrent()
    return goodfit.train(
        parts[0], valid=parts[1], model=network, epochs=15, batch_size=32, **fields
    ).observations


def moons() -> tuple[Any, Any]:
    """Return two overlapping classes."""
    return datasets.make_moons(2000, noise=0.3, random_state=0)


def friedman() -> tuple[Any, Any]:
    """Return rows of a smooth function with noise."""
    return datasets.make_friedman1(2000, noise=1.0, random_state=0)


digits = datasets.load_digits
LONG = {"optimizer": "adam", "learning_rate": 3e-3, "batch_size": 32}
SGD = {"optimizer": "sgd", "batch_size": 32}

RUNS: dict[str, Callable[[], Observations]] = {
    "non-finite-loss": curves(
        friedman, 400, (), optimizer="sgd", batch_size=None, learning_rate=5.0, warmup=60.0, epochs=61
    ),
    "diverging": curves(
        friedman, 400, (), optimizer="sgd", batch_size=None, learning_rate=1.6, warmup=60.0, epochs=61
    ),
    "not-learning": curves(digits, 400, (64,), wrong=1.0, epochs=60, **LONG),
    "not-converged": curves(digits, 500, (32,), learning_rate=0.02, epochs=15, **SGD),
    "converged-early": curves(friedman, 1000, (), learning_rate=0.003, epochs=100, **SGD),
    "overfitting": curves(moons, 100, (128, 128), wrong=0.2, epochs=100, **LONG),
    "underfitting": curves(friedman, 1000, (1,), epochs=60, **LONG),
    "premature-convergence": curves(
        digits, 500, (32,), learning_rate=0.02, epochs=40, schedule="exponential",
        schedule_options={"gamma": 0.85}, **SGD,
    ),
    "learning-rate-too-high": planted("momentum with rate 5", "digits_low", "conv"),
    "learning-rate-too-low": curves(digits, 800, (64,), learning_rate=1e-3, epochs=60, **SGD),
    "loss-spikes": curves(
        friedman, 400, (16,), optimizer="sgd", learning_rate=0.45, batch_size=None, epochs=60
    ),
    "oscillating": curves(
        friedman, 200, (32, 32), optimizer="adam", learning_rate=0.03, batch_size=4, epochs=60
    ),
    "noisy-validation": curves(moons, 1000, (32,), valid=20, epochs=40, **LONG),
    "validation-too-good": curves(digits, 1000, (32,), wrong=0.3, clean=True, epochs=12, **LONG),
    "loss-metric-disagreement": curves(
        digits, 300, (32,), optimizer="adam", learning_rate=0.1, batch_size=16, epochs=40
    ),
    "exploding-gradients": recurrent,
    "vanishing-gradients": planted("twelve sigmoid layers", "easy_table", "relu"),
    "dead-units": planted("bias of -10 before a ReLU", "easy_table", "relu"),
    "saturated-units": spoiled("hard_table", "sigmoid", first_weights_too_large),
    "frozen-parameters": planted("hidden layers detached", "hard_table", "relu"),
    "bad-initialization": planted("unit-variance weights in depth", "friedman1", "relu"),
    "gradients-accumulate": planted("no zero_grad", "digits_low", "conv"),
    "unscaled-inputs": planted("one column x 1e5", "easy_table", "relu"),
    "class-imbalance": planted("1 % of one class", "hard_table", "relu"),
    "class-collapse": planted("absurd class weights", "hard_table", "relu"),
    "label-noise": planted("a quarter of the labels wrong", "digits_low", "conv"),
    "data-leakage": planted("rows in training and validation", "hard_table", "relu"),
    "split-mismatch": planted("validation of another distribution", "easy_table", "relu"),
    "loss-output-mismatch": planted("softmax before cross-entropy", "hard_table", "relu"),
    "train-eval-mismatch": planted("BatchNorm left in training mode", "digits_low", "conv-norm"),
}  # fmt: skip


def picture(observations: Observations, finding: Finding, language: str) -> Figure:
    """Return what the run looked like: its curves, or its layers."""
    quantity = LAYERS.get(finding.code)
    if quantity is None:
        figure = learning_curves(observations.history, [finding], language=language).figure
        assert isinstance(figure, Figure)
        return figure
    vitals = observations.vitals
    assert vitals is not None
    figure, (ax,) = new_figure(7.6, 2.9)
    for row, colour in ((0, MUTED), (1, VALID), (len(vitals) - 1, TRAIN)):
        chosen = np.arange(len(vitals)) == row
        drawn = relative_gradients(vitals, chosen) if quantity == "gradients" else vitals[quantity][row]
        there = np.flatnonzero(np.isfinite(drawn) & ((drawn > 0) | (quantity not in ("gradients", "spread"))))
        label = f"{say('report.figure.epoch', language)} {vitals.epochs[row]:g}"
        ax.plot(there, drawn[there], marker="o", color=colour, label=label, linewidth=1.4, markersize=4.5)
    if quantity in ("gradients", "spread"):
        ax.set_yscale("log")
    else:
        ax.set_ylim(-0.03, 1.03)
    ax.set_xticks(range(len(vitals.layers)), vitals.layers, rotation=90 if len(vitals.layers) > 8 else 0)
    words = texts(language)["figure"]
    name_axes(ax, x=words["layer"], y=words[quantity])
    add_legend(ax, "best")
    return figure


def drawn(observations: Observations, finding: Finding, language: str) -> str:
    """Return the picture as an SVG that stands by itself."""
    svg = to_svg(picture(observations, finding, language), texts(language)[finding.code]["run"])
    return svg.replace("<svg ", '<svg style="background: #fefefe; font-family: sans-serif" ', 1)


def found(observations: Observations) -> list[Finding]:
    """Return the findings, and behind them those that only show as symptoms of others."""
    return diagnose(observations) + [
        finding for family in families().values() for finding in family.find(observations)
    ]


def main() -> None:
    """Train, look, draw; end with the codes that were not found."""
    torch.set_num_threads(1)
    stored = PAGES / "runs.json"
    known = json.loads(stored.read_text("utf-8")) if stored.exists() else {}
    missing = []
    for code in sys.argv[1:] or codes():
        observations = RUNS[code]()
        standing = diagnose(observations)
        print(code, standing, flush=True)
        finding = next((one for one in found(observations) if one.code == code), None)
        above = [one.code for one in standing if code in one.symptoms]
        if finding is None or not (above or code in [one.code for one in standing]):
            missing.append(code)
            continue
        plain = finding.to_dict()
        del plain["title"], plain["explanation"]  # the pages look their words up
        known[code] = {"finding": plain, "listed_under": above}
        for language in LANGUAGES:
            folder(language).mkdir(parents=True, exist_ok=True)
            (folder(language) / f"{code}.svg").write_text(drawn(observations, finding, language), "utf-8")
    ordered = {code: known[code] for code in codes() if code in known}
    stored.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if missing:
        sys.exit(f"not found: {', '.join(missing)}")


if __name__ == "__main__":
    main()
