from __future__ import annotations

import copy
import json
from inspect import signature

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from tests.training.contract import EXTRA_CASES, OPTIMIZER_CASES, OptimizerCase
from torch import nn, optim

from goodfit.errors import InputError
from goodfit.models.mlp import MLP
from goodfit.training.optimizer_state import load_optimizer_state, optimizer_state
from goodfit.training.optimizers import (
    backward_with_graph,
    make_optimizer,
    optimizer_facts,
    set_learning_rate,
)

RESUMABLE = [case for case in (*OPTIMIZER_CASES, *EXTRA_CASES) if optimizer_facts(case.name).resumable]


class Training:
    """A small network and an optimizer, with all that can be changed by a step."""

    def __init__(self, case: OptimizerCase) -> None:
        torch.manual_seed(0)
        self.case, self.facts = case, optimizer_facts(case.name)
        self.model = MLP(4, (), (3,), 1, activation="tanh")
        self.inputs = torch.randn(32, 4)
        self.target = torch.randn(32, 1)
        self.make()

    def make(self) -> None:
        decay = {"weight_decay": 0.01} if "weight_decay" in signature(self.facts.build).parameters else {}
        self.optimizer = make_optimizer(
            self.case.name, self.model, learning_rate=self.case.rate, options=self.case.options, **decay
        )

    def gradients(self):
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(self.inputs), self.target)
        if self.facts.needs_create_graph:
            backward_with_graph(loss, self.optimizer)
        else:
            loss.backward()
        return loss

    def steps(self, first: int, last: int) -> None:
        for step in range(first, last):
            torch.manual_seed(step)
            np.random.seed(step)  # noqa: NPY002 - some optimizers draw from it
            set_learning_rate(self.optimizer, 1 / (1 + 0.01 * step))
            if self.facts.has_train_mode:
                self.optimizer.train()
            if self.facts.needs_closure:
                self.optimizer.step(self.gradients)
            else:
                self.gradients()
                self.optimizer.step()
            if self.facts.has_train_mode:
                self.optimizer.eval()

    def resume(self) -> None:
        """Go through safetensors and JSON into an optimizer made anew."""
        tensors, facts = optimizer_state(self.optimizer)
        blob = save({name: tensor.contiguous().clone() for name, tensor in tensors.items()})
        text = json.dumps(facts, allow_nan=False)
        weights = copy.deepcopy(self.model.state_dict())
        self.model = MLP(4, (), (3,), 1, activation="tanh")
        self.model.load_state_dict(weights)
        self.make()
        load_optimizer_state(self.optimizer, load(blob), json.loads(text))


@pytest.mark.parametrize("case", RESUMABLE, ids=lambda case: case.name)
def test_training_goes_on_bit_for_bit_after_save_and_load(case):
    straight, resumed = Training(case), Training(case)
    straight.steps(0, 14)
    resumed.steps(0, 7)
    resumed.resume()
    resumed.steps(7, 14)
    for one, two in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert one.isfinite().all()
        assert torch.equal(one, two)


def test_a_state_before_the_first_step_can_be_saved():
    training = Training(OPTIMIZER_CASES[0])
    training.resume()
    assert not training.optimizer.state


def test_the_state_of_another_network_is_refused():
    tensors, facts = optimizer_state(make_optimizer("adam", nn.Linear(2, 1), learning_rate=0.1))
    other = make_optimizer("adam", MLP(2, (), (3,), 1), learning_rate=0.1)
    with pytest.raises(InputError) as error:
        load_optimizer_state(other, tensors, facts)
    assert error.value.code == "optimizer.other-state"
    assert error.value.text("es") != error.value.text("en")


def test_a_state_that_cannot_be_saved_is_refused():
    class Odd(optim.SGD):
        def step(self, closure=None):
            for parameter in self.param_groups[0]["params"]:
                self.state[parameter]["memory"] = object()

    optimizer = make_optimizer(Odd, nn.Linear(2, 1), learning_rate=0.1)
    optimizer.step()
    with pytest.raises(InputError, match="cannot be saved"):
        optimizer_state(optimizer)
