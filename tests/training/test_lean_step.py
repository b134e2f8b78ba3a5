from __future__ import annotations

import copy

import pytest
import torch
from torch import nn, optim

from goodfit.models.mlp import MLP
from goodfit.training.lean_step import lean_step, lean_zero_grad
from goodfit.training.optimizer_state import load_optimizer_state, optimizer_state
from goodfit.training.optimizers import make_optimizer, set_learning_rate

FUSED = {
    "sgd": {},
    "momentum": {"weight_decay": 0.1},
    "nesterov": {},
    "adam": {"weight_decay": 0.1},
    "adamw": {"weight_decay": 0.1, "options": {"groups": {"output.*": {"learning_rate": 0.3}}}},
    "adagrad": {"options": {"lr_decay": 0.1}},
}


def network() -> MLP:
    torch.manual_seed(0)
    return MLP(2, (3,), (10,), 2)


def go(model: nn.Module, optimizer: optim.Optimizer, step, first: int, last: int) -> None:
    generator = torch.Generator().manual_seed(first)
    for number in range(first, last):
        set_learning_rate(optimizer, 1 / (1 + number))
        for name, parameter in model.named_parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
            if number == 3 and name == "output.bias":
                parameter.grad = None
        step()


@pytest.mark.parametrize("name", FUSED)
def test_it_is_the_optimizers_step_bit_for_bit(name):
    ours, theirs = network(), network()
    one = make_optimizer(name, ours, learning_rate=0.1, **FUSED[name])
    two = make_optimizer(name, theirs, learning_rate=0.1, **FUSED[name])
    step = lean_step(one)
    assert step != one.step
    go(ours, one, step, 0, 8)
    go(theirs, two, two.step, 0, 8)
    # Saved, and loaded into another that steps leanly from the beginning.
    tensors, facts = optimizer_state(one)
    tensors = {key: tensor.clone() for key, tensor in tensors.items()}
    resumed = copy.deepcopy(ours)
    three = make_optimizer(name, resumed, learning_rate=0.1, **FUSED[name])
    load_optimizer_state(three, tensors, facts)
    go(ours, one, one.step, 8, 15)
    go(theirs, two, two.step, 8, 15)
    go(resumed, three, lean_step(three), 8, 15)
    for first, second, third in zip(
        ours.parameters(), theirs.parameters(), resumed.parameters(), strict=True
    ):
        assert torch.equal(first, second)
        assert torch.equal(first, third)


@pytest.mark.parametrize("name", ["nadam", "lbfgs", "rprop"])
def test_others_keep_their_own_step(name):
    optimizer = make_optimizer(name, network(), learning_rate=0.1)
    assert lean_step(optimizer) == optimizer.step


def test_whatever_is_out_of_the_ordinary_keeps_its_own_step():
    optimizer = make_optimizer("adam", network(), learning_rate=0.1, options={"amsgrad": True})
    assert lean_step(optimizer) == optimizer.step
    hooked = make_optimizer("adam", network(), learning_rate=0.1)
    hooked.register_step_post_hook(lambda *arguments: None)
    assert lean_step(hooked) == hooked.step


def test_gradients_are_cleared():
    model = network()
    optimizer = make_optimizer("adam", model, learning_rate=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    lean_zero_grad(optimizer)()
    assert all(parameter.grad is None for parameter in model.parameters())
