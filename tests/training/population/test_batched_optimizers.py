"""Every batched optimizer moves each member's weights as torch's own moves them alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from goodfit.training.optimizers import make_optimizer, set_learning_rate
from goodfit.training.population.batched_optimizers import batched_optimizer, settings_of
from goodfit.training.population.stacked_network import decayed_ids

STEPS = 60
# Name, rate, and what members differ in.
CASES: tuple[tuple[str, float, list[dict[str, Any]]], ...] = (
    ("sgd", 0.1, [{}, {"weight_decay": 0.1}]),
    ("sgd", 0.1, [{"momentum": 0.5}, {"momentum": 0.9, "options": {"dampening": 0.3}}, {}]),
    ("momentum", 0.05, [{}, {"momentum": 0.5}]),
    ("nesterov", 0.05, [{}, {"momentum": 0.5, "weight_decay": 0.1}]),
    ("adagrad", 0.1, [{}, {"options": {"lr_decay": 0.1, "initial_accumulator_value": 0.5}}]),
    ("rmsprop", 0.01, [{}, {"options": {"alpha": 0.9, "eps": 1e-4}, "momentum": 0.5}]),
    ("rmsprop", 0.01, [{"options": {"centered": True}}, {"options": {"centered": True, "alpha": 0.8}}]),
    ("adadelta", 1.0, [{}, {"options": {"rho": 0.8}, "weight_decay": 0.1}]),
    ("adam", 0.01, [{}, {"options": {"betas": [0.8, 0.9]}}, {"weight_decay": 0.1}]),
    ("adam", 0.01, [{"options": {"amsgrad": True}}, {"options": {"amsgrad": True, "eps": 1e-3}}]),
    ("adamw", 0.01, [{"weight_decay": 0.1}, {"weight_decay": 0.0}, {"options": {"decay_all": True}}]),
    ("adamw", 0.01, [{"weight_decay": 0.1, "options": {"decay_all": True}}, {"weight_decay": 0.2}]),
    ("nadam", 0.01, [{}, {"options": {"momentum_decay": 0.01}, "weight_decay": 0.1}]),
    ("radam", 0.01, [{}, {"options": {"betas": [0.8, 0.9]}}]),
    ("adamax", 0.01, [{}, {"options": {"betas": [0.8, 0.9]}, "weight_decay": 0.1}]),
    ("rprop", 0.01, [{}, {"options": {"etas": [0.4, 1.3], "step_sizes": [1e-5, 0.1]}}]),
    ("asgd", 0.05, [{}, {"options": {"lambd": 0.01, "alpha": 0.6}, "weight_decay": 0.1}]),
    (
        "yogi",
        0.01,
        [{}, {"options": {"betas": [0.8, 0.9], "initial_accumulator": 1e-3}, "weight_decay": 0.1}],
    ),
)


def rates_of(count: int) -> np.ndarray:
    steps = np.arange(STEPS)[:, None]
    return np.abs(np.cos(0.05 * steps * (1 + np.arange(count)))) + 0.1


def columns(model: nn.Linear) -> Tensor:
    return torch.cat([model.weight.detach().flatten(), model.bias.detach()])


@pytest.mark.parametrize(("name", "rate", "members"), CASES, ids=[f"{c[0]}{i}" for i, c in enumerate(CASES)])
def test_each_member_moves_as_alone(name: str, rate: float, members: list[dict[str, Any]]) -> None:
    torch.manual_seed(0)
    models = [nn.Linear(3, 2) for _ in members]
    optimizers = [
        make_optimizer(name, model, learning_rate=rate, **member)
        for model, member in zip(models, members, strict=True)
    ]
    settings = [
        settings_of(optimizer, decayed_ids(model))
        for optimizer, model in zip(optimizers, models, strict=True)
    ]
    assert all(item is not None for item in settings)
    assert len({(item.rule, item.flags) for item in settings if item is not None}) == 1
    weights = torch.stack([columns(model) for model in models])
    batched = batched_optimizer([item for item in settings if item is not None], weights, 6)
    factors = rates_of(len(members))
    gradients = torch.randn(STEPS, len(members), 8) * torch.linspace(1, 0.1, STEPS)[:, None, None]
    kept = list(range(len(members)))
    for first in range(0, STEPS, 20):
        if first == 40:  # the first member leaves
            kept = kept[1:]
            weights = weights[1:].clone()
            index = torch.arange(1, len(members))
            batched.keep(index, weights, 6, lambda index, state: {"": state[""][index]})
        batched.plan(rate * factors[first : first + 20, kept], first)
        for step in range(20):
            batched.step(gradients[first + step, kept].clone(), step)
    for place, member in enumerate(kept):
        model, optimizer = models[member], optimizers[member]
        for step in range(STEPS):
            set_learning_rate(optimizer, float(factors[step, member]))
            model.weight.grad = gradients[step, member, :6].reshape(2, 3).clone()
            model.bias.grad = gradients[step, member, 6:].clone()
            optimizer.step()
        torch.testing.assert_close(weights[place], columns(model), rtol=2e-5, atol=2e-6)


def test_what_is_not_elementwise_is_not_batched() -> None:
    model = nn.Linear(3, 2)
    groups = {"weight": {"learning_rate": 0.1}}
    for optimizer in (
        make_optimizer("lbfgs", model, learning_rate=1.0),
        make_optimizer("lion", model, learning_rate=1e-3),
        make_optimizer("adam", model, learning_rate=1e-3, options={"groups": groups}),
    ):
        assert settings_of(optimizer, decayed_ids(model)) is None
