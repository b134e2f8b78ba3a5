"""A training that cannot come to anything ends; no other does."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import goodfit
from goodfit.training.hopeless import hopeless
from goodfit.training.state import TrainingState
from goodfit.training.stopping import Best


def state(losses: list[float], start: float | None = 1.0) -> TrainingState:
    rows = [{"epoch": float(epoch), "running_loss": loss} for epoch, loss in enumerate(losses, 1)]
    return TrainingState(best=Best(higher=False), rows=rows, start_loss=start)


def test_a_loss_that_grows_far_beyond_its_start_diverges() -> None:
    assert hopeless(state([1.0, 5.0, 20.0, 80.0, 300.0])) == "diverging"


@pytest.mark.parametrize(
    "losses",
    [
        [1.0, 5.0, 20.0, 80.0],  # not in three epochs yet
        [1.0, 300.0, 20.0, 30.0, 25.0],  # on its way back
        [1.0, 2.0, 3.0, 4.0, 5.0],  # not far
        [100.0, 200.0, 300.0, 400.0],  # it began so
        [-1.0, 20.0, 80.0, 300.0],  # a loss that may be negative has no such measure
        [1e-6, 1e-4, 1e-3, 1e-2],  # far above its lowest, but not above the untrained network
    ],
)
def test_what_may_still_recover_goes_on(losses: list[float]) -> None:
    assert hopeless(state(losses)) is None


@pytest.mark.parametrize("start", [None, 0.0, math.nan])
def test_without_a_start_to_compare_with_it_goes_on(start: float | None) -> None:
    assert hopeless(state([1.0, 5.0, 20.0, 80.0, 300.0], start)) is None


def network(bias: float) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        net[0].bias.fill_(bias)
    return net


def train(bias: float, **fields: Any) -> goodfit.Run:
    torch.manual_seed(1)
    inputs = torch.randn(200, 4)
    data = (inputs, (inputs[:, 0] > 0).long())
    fields = {"epochs": 12, "patience": None, **fields}
    return goodfit.train(data, model=network(bias), loss="cross_entropy", **fields)


def test_a_dead_network_ends_after_three_epochs_and_is_named() -> None:
    run = train(-50.0)
    assert (len(run.history), run.history.ended_by) == (3, "dead-network")
    assert run.findings[0].code == "dead-units"
    assert "not-learning" in run.findings[0].symptoms


def test_it_goes_on_where_that_is_asked_for_and_where_it_learns() -> None:
    assert len(train(-50.0, keep_going=True).history) == 12
    assert len(train(0.0).history) == 12


def test_a_frozen_body_is_not_dead() -> None:
    net = network(0.0)
    for weight in net[0].parameters():
        weight.requires_grad_(False)
    torch.manual_seed(1)
    inputs = torch.randn(200, 4)
    data = (inputs, (inputs[:, 0] > 0).long())
    run = goodfit.train(data, model=net, loss="cross_entropy", epochs=6)
    assert run.history.ended_by == "epochs"
