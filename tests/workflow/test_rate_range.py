from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import goodfit
from goodfit.training.randomness import capture

IMAGES, DIGITS = load_digits(return_X_y=True)
DATA = (torch.tensor(IMAGES / 16, dtype=torch.float32), torch.tensor(DIGITS))


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))


def test_it_leaves_no_trace():
    model = net().eval()
    model[0].weight.grad = torch.ones(32, 64)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    before = capture()
    found = goodfit.find_learning_rate(DATA, model=model, loss="cross_entropy", batch_size=64)
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert all(torch.equal(value, capture()[name]) for name, value in before.items())
    assert not any(module.training for module in model.modules())
    assert bool((model[0].weight.grad == 1).all())
    again = goodfit.find_learning_rate(DATA, model=model, loss="cross_entropy", batch_size=64)
    np.testing.assert_array_equal(found.losses, again.losses)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_rate_it_suggests_trains(optimizer):
    fields = {"loss": "cross_entropy", "optimizer": optimizer, "batch_size": 64}
    found = goodfit.find_learning_rate(DATA, model=net, **fields)
    assert found.rates[0] == pytest.approx(1e-6)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 100
    assert np.all(np.diff(found.rates) > 0)
    assert found.losses[-1] > found.losses.min()

    def after(rate: float) -> float:
        options = {"epochs": 3, "patience": None, "diagnose": False, "learning_rate": rate}
        return goodfit.train(DATA, valid=DATA, model=net, **options, **fields).history["valid_loss"][-1]

    assert after(found.suggestion) < 0.5 * min(after(found.suggestion / 100), after(found.suggestion * 1000))


def test_tables_steps_and_named_networks():
    arrays = (IMAGES[:200], DIGITS[:200])
    named = goodfit.find_learning_rate(arrays, task="multiclass", steps=20, hidden=(8,))
    assert len(named.rates) <= 20

    def step(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        return (model(batch) - batch).square().mean()

    own = goodfit.find_learning_rate(
        DATA[0], model=nn.Linear(64, 64), step=step, lowest=1e-4, highest=1, steps=30
    )
    assert own.suggestion is not None
    assert "RateRange" in repr(own)


def test_the_figure_shows_the_suggestion():
    found = goodfit.find_learning_rate(DATA, model=net, loss="cross_entropy", steps=30)
    ax = found.plot(language="es")
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "tasa de aprendizaje"
    assert len(ax.lines) == 3


def test_a_loss_that_never_falls_suggests_nothing():
    found = goodfit.find_learning_rate(
        DATA, model=net, loss="cross_entropy", lowest=1e3, highest=1e4, steps=5
    )
    assert found.suggestion is None
    assert found.plot()


def test_no_range_is_refused():
    for wrong in ({"lowest": 0}, {"lowest": 2, "highest": 1}, {"steps": 1}, {"highest": float("inf")}):
        with pytest.raises(goodfit.InputError, match="no range"):
            goodfit.find_learning_rate(DATA, model=net, **wrong)
    with pytest.raises(goodfit.InputError, match="takes 3"):
        goodfit.find_learning_rate(DATA, model=nn.Linear(3, 10), loss="cross_entropy")
