"""The vitals say what the layers do, and measuring them changes nothing."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

import goodfit
from goodfit.training.vitals import layer_rows, measured_at, weights_now
from goodfit.vitals import QUANTITIES, Vitals, to_vitals


def rows_by_layer(model: nn.Module, inputs: torch.Tensor, before: list[torch.Tensor] | None = None) -> dict:
    return {row["layer"]: row for row in layer_rows(model, before, lambda: model(inputs), 3)}


def test_norms_are_those_of_gradients_weights_and_the_last_update() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    inputs = torch.randn(10, 3)
    model(inputs).square().sum().backward()
    before = weights_now(model)
    optimizer.step()
    rows = rows_by_layer(model, inputs, before)
    assert list(rows) == ["0", "1", "2"]
    for name in ("0", "2"):
        layer = model[int(name)]
        gradient = torch.cat([weight.grad.flatten() for weight in layer.parameters()])
        weights = torch.cat([weight.detach().flatten() for weight in layer.parameters()])
        assert rows[name]["gradient_norm"] == pytest.approx(float(gradient.norm()), rel=1e-5)
        assert rows[name]["weight_norm"] == pytest.approx(float(weights.norm()), rel=1e-5)
        assert rows[name]["update_norm"] == pytest.approx(0.5 * float(gradient.norm()), rel=1e-4)
    assert "gradient_norm" not in rows["1"]


def test_dead_units_are_those_that_never_respond() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(torch.tensor([-10.0, 1.0, 1.0, 1.0]))
    assert rows_by_layer(model, torch.randn(8, 2))["1"]["dead"] == 0.25


def test_dead_channels_of_images_and_units_of_sequences() -> None:
    image = nn.ReLU()
    silent_channel = torch.ones(3, 5, 4, 4)
    silent_channel[:, 0] = -1
    assert rows_by_layer(image, silent_channel)["ReLU"]["dead"] == pytest.approx(1 / 5)
    silent_unit = torch.ones(3, 7, 5)
    silent_unit[..., :2] = -1
    assert rows_by_layer(nn.ReLU(), silent_unit)["ReLU"]["dead"] == pytest.approx(2 / 5)


def test_saturated_outputs_are_those_at_the_bounds() -> None:
    inputs = torch.tensor([[-20.0, 0.0], [20.0, 0.5]])
    assert rows_by_layer(nn.Sigmoid(), inputs)["Sigmoid"]["saturated"] == 0.5
    assert rows_by_layer(nn.Tanh(), inputs)["Tanh"]["saturated"] == 0.5


def test_measuring_leaves_mode_gradients_and_hooks_as_they_were() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)).train()
    model(torch.randn(6, 2)).sum().backward()
    gradients = [weight.grad.clone() for weight in model.parameters()]
    statistics = model[1].running_mean.clone()
    rows_by_layer(model, torch.randn(6, 2))
    assert model.training
    assert model[2].training
    assert torch.equal(model[1].running_mean, statistics)
    assert all(
        torch.equal(weight.grad, was) for weight, was in zip(model.parameters(), gradients, strict=True)
    )
    assert not any(module._forward_hooks for module in model.modules())


def test_measured_ever_less_often() -> None:
    measured = [epoch for epoch in range(1, 1001) if measured_at(epoch)]
    assert measured[:8] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(measured) < 50
    gaps = [later - earlier for earlier, later in itertools.pairwise(measured)]
    assert all(gap <= max(2, epoch / 2) for gap, epoch in zip(gaps, measured, strict=False))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_training_is_the_same_with_and_without_them(dropout: float) -> None:
    torch.manual_seed(0)
    data = (torch.randn(90, 3), torch.randint(0, 2, (90,)))

    def train(vitals: bool) -> goodfit.Run:
        torch.manual_seed(1)
        network = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Dropout(dropout), nn.Linear(6, 2))
        return goodfit.train(data, model=network, loss="cross_entropy", epochs=6, vitals=vitals)

    measured, unmeasured = train(True), train(False)
    assert unmeasured.observations.vitals is None
    found = measured.observations.vitals
    assert found is not None
    assert found.kinds[0] == "Linear"
    assert list(found.epochs) == [0, 1, 2, 3, 4, 5, 6]
    assert (found["update_norm"][1:, 0] > 0).all()
    for one, other in zip(measured.model.parameters(), unmeasured.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_csv_comes_back_exactly() -> None:
    rows = [
        {"epoch": 1.0, "layer": "0", "kind": "Linear", "gradient_norm": 0.1 + 0.2, "weight_norm": math.inf},
        {"epoch": 1.0, "layer": "1", "kind": "ReLU", "dead": 0.25},
        {"epoch": 2.0, "layer": "1", "kind": "ReLU", "dead": 0.5},
    ]
    vitals = to_vitals(rows)
    back = Vitals.from_csv(vitals.to_csv())
    assert (back.layers, back.kinds) == (vitals.layers, vitals.kinds)
    assert back.epochs.tolist() == vitals.epochs.tolist()
    for name in QUANTITIES:
        assert str(back[name].tolist()) == str(vitals[name].tolist())


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("shape", [(50, 3), (50, 4, 3), (20, 3, 5, 5)])
def test_mean_and_deviation_are_those_of_all_numbers_however_large(
    shape: tuple[int, ...], scale: float
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Identity())
    values = scale * (2 + torch.randn(shape))
    row = layer_rows(model, None, lambda: model(values), 1)[0]
    assert row["mean"] == pytest.approx(float(values.double().mean()), rel=1e-6)
    assert row["deviation"] == pytest.approx(float(values.double().std(correction=0)), rel=1e-6)
