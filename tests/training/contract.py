"""The contract table: every loss, optimizer and schedule by name, with what is known to be true of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.special import expit, log_softmax
from torch import Tensor, nn, optim

from goodfit.training.extra_optimizers import extra_names
from goodfit.training.optimizers import OPTIMIZERS

ROWS = 12


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(classes: int, seed: int = 1) -> Tensor:
    return torch.randint(classes, (ROWS,), generator=torch.Generator().manual_seed(seed))


# Losses


@dataclass(frozen=True)
class LossCase:
    """Outputs, target, and the mean loss by NumPy."""

    name: str
    outputs: Tensor
    target: Tensor
    reference: Callable[[np.ndarray, np.ndarray], float]
    options: Mapping[str, Any] = field(default_factory=dict)
    class_weight: Any = None


def _bce(outputs: np.ndarray, target: np.ndarray, positive: float = 1.0) -> np.ndarray:
    return -(positive * target * np.log(expit(outputs)) + (1 - target) * np.log(expit(-outputs)))


def _smooth(target: np.ndarray, classes: int, share: float) -> np.ndarray:
    return np.eye(classes)[target] * (1 - share) + share / classes


def _weighted(outputs: np.ndarray, target: np.ndarray, weights: np.ndarray) -> float:
    losses = -log_softmax(outputs, 1)[np.arange(len(target)), target]
    return float((losses * weights[target]).sum() / weights[target].sum())


def _huber(outputs: np.ndarray, target: np.ndarray, delta: float) -> float:
    gap = np.abs(outputs - target)
    return float(np.where(gap <= delta, gap**2 / 2, delta * (gap - delta / 2)).mean())


_VALUES, _OTHERS = random_tensor(ROWS, 2), random_tensor(ROWS, 2, seed=5)
_BINARY = labels(2).double().reshape(-1, 1)
_LOGITS, _CLASSES = random_tensor(ROWS, 4), labels(4)
_COUNTS = labels(5).double().reshape(-1, 1)
_WEIGHTS = [0.5, 1.0, 2.0, 4.0]

LOSS_CASES: tuple[LossCase, ...] = (
    LossCase("mse", _VALUES, _OTHERS, lambda o, t: float(((o - t) ** 2).mean())),
    LossCase("mae", _VALUES, _OTHERS, lambda o, t: float(np.abs(o - t).mean())),
    LossCase("l1", _VALUES, _OTHERS, lambda o, t: float(np.abs(o - t).mean())),
    LossCase("huber", _VALUES, _OTHERS, lambda o, t: _huber(o, t, 1.0)),
    LossCase("huber", _VALUES, _OTHERS, lambda o, t: _huber(o, t, 0.3), {"delta": 0.3}),
    LossCase("bce", _VALUES[:, :1], _BINARY, lambda o, t: float(_bce(o, t).mean())),
    LossCase("bce", _VALUES[:, :1], _BINARY, lambda o, t: float(_bce(o, t, 3.0).mean()), {"pos_weight": 3.0}),
    LossCase(
        "bce",
        _VALUES[:, :1],
        _BINARY,
        lambda o, t: float(_bce(o, t * 0.8 + 0.1).mean()),
        {"label_smoothing": 0.2},
    ),
    LossCase(
        "bce",
        _VALUES[:, :1],
        _BINARY,
        lambda o, t: float((_bce(o, t) * (1 + 2 * t)).sum() / (1 + 2 * t).sum()),
        class_weight=[1.0, 3.0],
    ),
    LossCase(
        "cross_entropy", _LOGITS, _CLASSES, lambda o, t: float(-log_softmax(o, 1)[np.arange(ROWS), t].mean())
    ),
    LossCase(
        "cross_entropy",
        _LOGITS,
        _CLASSES,
        lambda o, t: float(-(_smooth(t, 4, 0.1) * log_softmax(o, 1)).sum(1).mean()),
        {"label_smoothing": 0.1},
    ),
    LossCase(
        "cross_entropy",
        _LOGITS,
        _LOGITS.flip(0).softmax(1),
        lambda o, t: float(-(t * log_softmax(o, 1)).sum(1).mean()),
    ),
    LossCase(
        "cross_entropy", _LOGITS, _CLASSES, lambda o, t: _weighted(o, t, np.array(_WEIGHTS)), {}, _WEIGHTS
    ),
    LossCase(
        "cross_entropy",
        _LOGITS,
        _CLASSES,
        lambda o, t: float(-log_softmax(o, 1)[np.arange(ROWS), t][t != 1].mean()),
        {"ignore_index": 1},
    ),
    LossCase(
        "cross_entropy",
        _LOGITS,
        _CLASSES,
        lambda o, t: _weighted(o[t != 1], t[t != 1], np.array(_WEIGHTS)),
        {"ignore_index": 1},
        _WEIGHTS,
    ),
    LossCase("nll", _LOGITS.log_softmax(1), _CLASSES, lambda o, t: float(-o[np.arange(ROWS), t].mean())),
    LossCase(
        "nll",
        _LOGITS.log_softmax(1),
        _CLASSES,
        lambda o, t: float(
            -(o[np.arange(ROWS), t] * np.array(_WEIGHTS)[t]).sum() / np.array(_WEIGHTS)[t].sum()
        ),
        {},
        _WEIGHTS,
    ),
    LossCase("poisson", _VALUES[:, :1], _COUNTS, lambda o, t: float((np.exp(o) - t * o).mean())),
    LossCase(
        "poisson",
        _VALUES[:, :1].exp(),
        _COUNTS,
        lambda o, t: float((o - t * np.log(o + 1e-8)).mean()),
        {"log_input": False},
    ),
)


# Optimizers


@dataclass(frozen=True)
class OptimizerCase:
    """A learning rate that brings the convex problem down to a share, and the optimizer by hand, if any."""

    name: str
    rate: float
    by_hand: Callable[[list[Tensor], float], optim.Optimizer] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    share: float = 0.7


def _hand(build: Any, **options: Any) -> Callable[[list[Tensor], float], optim.Optimizer]:
    plain = {} if build is optim.LBFGS else {"foreach": False}
    return lambda parameters, rate: build(parameters, lr=rate, **options, **plain)


OPTIMIZER_CASES: tuple[OptimizerCase, ...] = (
    OptimizerCase("sgd", 0.1, _hand(optim.SGD)),
    OptimizerCase("momentum", 0.05, _hand(optim.SGD, momentum=0.9)),
    OptimizerCase("nesterov", 0.05, _hand(optim.SGD, momentum=0.9, nesterov=True)),
    OptimizerCase("adagrad", 0.5, _hand(optim.Adagrad, lr_decay=0.01), {"lr_decay": 0.01}),
    OptimizerCase(
        "rmsprop", 0.02, _hand(optim.RMSprop, alpha=0.9, centered=True), {"alpha": 0.9, "centered": True}
    ),
    OptimizerCase("adadelta", 5.0, _hand(optim.Adadelta)),
    OptimizerCase("adam", 0.05, _hand(optim.Adam, betas=(0.8, 0.9)), {"betas": [0.8, 0.9]}),
    OptimizerCase("adamw", 0.05, _hand(optim.AdamW, weight_decay=0.0)),
    OptimizerCase("adamax", 0.05, _hand(optim.Adamax)),
    OptimizerCase("nadam", 0.05, _hand(optim.NAdam)),
    OptimizerCase("radam", 0.05, _hand(optim.RAdam)),
    OptimizerCase("rprop", 0.01, _hand(optim.Rprop)),
    OptimizerCase("asgd", 0.05, _hand(optim.ASGD)),
    OptimizerCase("lbfgs", 1.0, _hand(optim.LBFGS, max_iter=4), {"max_iter": 4}),
    *([OptimizerCase("muon", 0.05)] if hasattr(optim, "Muon") else []),  # torch 2.9
)
assert {case.name for case in OPTIMIZER_CASES} | {"muon"} == set(OPTIMIZERS)

# pytorch-optimizer's: a rate of 0.02 serves most, as their defaults are for large networks.
_EXTRA_RATES: Mapping[str, float] = {
    **dict.fromkeys(
        ("adago", "adamg", "dadaptadam", "dadaptadan", "dadaptlion", "dadaptsgd", "prodigy", "sophiah"), 1.0
    ),
    **dict.fromkeys(("adafactor", "adalite", "adamuon", "racs", "ranger", "ranger21", "splus"), 0.1),
    **dict.fromkeys(("adamod", "dadaptadagrad", "lars"), 3.0),
    "adasmooth": 0.002,
    "kate": 0.002,
    "schedulefreeradam": 0.5,
}
_EXTRA_OPTIONS: Mapping[str, Mapping[str, Any]] = {"ranger21": {"num_iterations": 100}}

EXTRA_CASES: tuple[OptimizerCase, ...] = tuple(
    OptimizerCase(
        name,
        _EXTRA_RATES.get(name, 0.02),
        options=_EXTRA_OPTIONS.get(name, {}),
        share=0.97 if name == "kate" else 0.7,
    )
    for name in extra_names()
)


def convex_problem() -> tuple[nn.Module, Tensor, Tensor]:
    """Return a linear regression whose solution is known to lie some way off."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 3, generator=generator)
    target = inputs @ torch.tensor([[1.0, -0.5], [0.3, 0.8], [-0.6, 0.4]]) + 0.5
    model = nn.Linear(3, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model, inputs, target


# Schedules


@dataclass(frozen=True)
class ScheduleCase:
    """A schedule over 6 epochs of 5 steps, and torch's scheduler that is stepped as often."""

    name: str
    oracle: Callable[[optim.Optimizer], optim.lr_scheduler.LRScheduler]
    options: Mapping[str, Any] = field(default_factory=dict)
    per: str = "step"


EPOCHS, STEPS = 6, 5
TOTAL = EPOCHS * STEPS
_S = optim.lr_scheduler

SCHEDULE_CASES: tuple[ScheduleCase, ...] = (
    ScheduleCase("constant", lambda o: _S.LambdaLR(o, lambda step: 1.0)),
    ScheduleCase("step", lambda o: _S.StepLR(o, 2, 0.5), {"step_size": 2, "gamma": 0.5}, "epoch"),
    ScheduleCase("step", lambda o: _S.StepLR(o, 2, 0.1), {}, "epoch"),
    ScheduleCase("exponential", lambda o: _S.ExponentialLR(o, 0.9), {"gamma": 0.9}, "epoch"),
    ScheduleCase(
        "exponential", lambda o: _S.ExponentialLR(o, 0.9 ** (1 / STEPS)), {"gamma": 0.9, "per": "step"}
    ),
    ScheduleCase("linear", lambda o: _S.LinearLR(o, 1.0, 0.2, TOTAL), {"end": 0.2}),
    ScheduleCase("linear", lambda o: _S.LinearLR(o, 1.0, 0.2, EPOCHS), {"end": 0.2, "per": "epoch"}, "epoch"),
    ScheduleCase("polynomial", lambda o: _S.PolynomialLR(o, TOTAL, 3.0), {"power": 3}),
    ScheduleCase("cosine", lambda o: _S.CosineAnnealingLR(o, TOTAL, 0.01), {"end": 0.1}),
    ScheduleCase("cosine", lambda o: _S.CosineAnnealingLR(o, EPOCHS), {"per": "epoch"}, "epoch"),
    ScheduleCase("cosine_restarts", lambda o: _S.CosineAnnealingWarmRestarts(o, 2 * STEPS), {"period": 2}),
    ScheduleCase(
        "cosine_restarts",
        lambda o: _S.CosineAnnealingWarmRestarts(o, STEPS, 2, 0.01),
        {"period": 1, "multiply": 2, "end": 0.1},
    ),
    ScheduleCase("one_cycle", lambda o: _S.OneCycleLR(o, 0.1, TOTAL, cycle_momentum=False)),
    ScheduleCase(
        "one_cycle",
        lambda o: _S.OneCycleLR(o, 0.1, TOTAL, pct_start=0.5, anneal_strategy="linear", cycle_momentum=False,
                                div_factor=10, final_div_factor=100),
        {"rise": 0.5, "anneal": "linear", "div_factor": 10, "final_div_factor": 100},
    ),
)  # fmt: skip


def close(one: float, two: float) -> bool:
    return math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-12)
