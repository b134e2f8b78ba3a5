from __future__ import annotations

import pytest
import torch

from goodfit.training.losses import make_loss
from goodfit.training.prior import prior_outputs


@pytest.mark.parametrize("name", ["mse", "mae", "bce", "cross_entropy", "nll", "poisson"])
def test_no_other_constant_has_a_lower_loss(name):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(51, 1, generator=generator).square() * 3
    units = 1
    if name in ("bce", "poisson"):
        target = target.round().clamp_max(1 if name == "bce" else 9)
    elif name in ("cross_entropy", "nll"):
        target, units = target.long().flatten(), 3
    loss = make_loss(name)
    prior = prior_outputs(loss, target, units)
    assert prior.shape == (units,)

    def value(outputs):
        outputs = outputs.expand(51, units)
        return float(loss(outputs.log_softmax(1) if name == "nll" else outputs, target))

    best = value(prior)
    for _ in range(20):
        assert value(prior + torch.randn(units, generator=generator) * 0.1) >= best - 1e-6


def test_probabilities_and_absent_classes():
    loss = make_loss("cross_entropy")
    target = torch.tensor([[0.2, 0.8], [0.4, 0.6]])
    torch.testing.assert_close(prior_outputs(loss, target, 2).exp(), torch.tensor([0.3, 0.7]))
    assert prior_outputs(loss, torch.zeros(4, dtype=torch.int64), 2).isfinite().all()


def test_no_prior_where_none_is_known():
    assert prior_outputs(make_loss(lambda o, t: o), torch.zeros(3), 1) is None
    assert prior_outputs(make_loss("mse"), torch.full((3, 1), torch.nan), 1) is None
    assert prior_outputs(make_loss("mse"), torch.zeros(3, 2), 1) is None
