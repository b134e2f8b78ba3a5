from __future__ import annotations

import pytest
import torch
from torch import nn

from goodfit.models.ensemble import Ensemble
from goodfit.training.losses import make_loss, to_predictions


@pytest.mark.parametrize("name", ["cross_entropy", "bce", "nll", "poisson", "mse"])
def test_its_predictions_are_the_mean_of_its_members(name):
    torch.manual_seed(0)
    members = [nn.Linear(4, 3) for _ in range(5)]
    loss, rows = make_loss(name), torch.randn(7, 4)
    ensemble = Ensemble(members, loss.facts.predictions)
    mean = torch.stack([to_predictions(loss, member(rows)) for member in members]).mean(0)
    torch.testing.assert_close(to_predictions(loss, ensemble(rows)), mean)


def test_probabilities_that_float32_rounds_to_one_stay_finite():
    class Sure(nn.Module):
        def forward(self, rows):
            return 200 * rows

    outputs = Ensemble([Sure(), Sure()], "sigmoid")(torch.tensor([[1.0], [-1.0]]))
    assert torch.isfinite(outputs).all()
    assert outputs[0] > 100 > -100 > outputs[1]


@pytest.mark.parametrize("name", ["softmax", "sigmoid", "exp", "identity"])
def test_weights_are_those_of_the_mean_prediction(name):
    as_predictions = {
        "softmax": lambda outputs: outputs.softmax(-1),
        "sigmoid": torch.sigmoid,
        "exp": torch.exp,
        "identity": lambda outputs: outputs,
    }[name]
    networks = [torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)]
    rows = torch.randn(5, 2)
    whole = Ensemble(networks, name, [0.2, 0.8])
    wanted = 0.2 * as_predictions(networks[0](rows)) + 0.8 * as_predictions(networks[1](rows))
    assert torch.allclose(as_predictions(whole(rows)), wanted, atol=1e-6)
