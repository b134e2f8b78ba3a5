from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from goodfit.models.mlp import MLP
from goodfit.training.losses import make_loss
from goodfit.training.regularization import (
    add_l1_gradient,
    clip_gradients,
    l1_penalty,
    mixup,
    noisy_labels,
    penalized_weights,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_l1_is_of_the_weights_and_not_of_biases_or_norms():
    model = MLP(2, (3,), (4,), 1, normalization="batch")
    weights = penalized_weights(model)
    expected = sum(
        weight.abs().sum() for weight in (model.hidden1.weight, model.hidden1.table, model.output.weight)
    )
    torch.testing.assert_close(l1_penalty(weights), expected)


def test_the_added_gradient_is_that_of_the_penalty():
    model = nn.Linear(3, 2)
    weights = penalized_weights(model)
    with torch.no_grad():
        model.weight[0, 0] = 0.0
    (0.3 * l1_penalty(weights)).backward()
    expected = model.weight.grad.clone()
    model.weight.grad = torch.zeros_like(model.weight)
    add_l1_gradient(weights, 0.3)
    torch.testing.assert_close(model.weight.grad, expected)


def test_nothing_to_penalise_is_fine():
    add_l1_gradient([], 0.1)
    add_l1_gradient([nn.Parameter(torch.ones(2, 2))], 0.1)


def test_label_noise_redraws_a_share_of_the_labels():
    target = torch.zeros(20_000, dtype=torch.int64)
    noisy = noisy_labels(target, 0.4, generator(), classes=4)
    counts = torch.bincount(noisy, minlength=4) / len(noisy)
    torch.testing.assert_close(counts, torch.tensor([0.7, 0.1, 0.1, 0.1]), atol=0.01, rtol=0)
    assert not target.any()


def test_label_noise_of_values_keeps_their_distribution():
    target = torch.randn(5000, 2, generator=generator(1))
    noisy = noisy_labels(target, 0.5, generator())
    changed = (noisy != target).all(1)
    assert changed.float().mean() == pytest.approx(0.5, abs=0.03)
    rows = {tuple(row) for row in target.tolist()}
    assert all(tuple(row) in rows for row in noisy.tolist())


def test_no_noise_changes_nothing():
    target = torch.arange(10)
    assert torch.equal(noisy_labels(target, 0.0, generator(), classes=10), target)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_draws_its_share_from_a_beta(alpha):
    shares = [mixup(torch.zeros(2, 1), torch.zeros(2), alpha, generator(seed)).share for seed in range(300)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_mixup_mixes_rows_and_gives_both_targets():
    inputs, target = torch.randn(8, 3, generator=generator()), torch.arange(8)
    mixed = mixup(inputs, target, 0.4, generator(2))
    assert torch.equal(mixed.target, target)
    torch.testing.assert_close(mixed.inputs, mixed.share * inputs + (1 - mixed.share) * inputs[mixed.other])


def test_mixup_keeps_codes_whole():
    inputs = (torch.randn(8, 3), torch.arange(8).reshape(8, 1))
    mixed = mixup(inputs, torch.arange(8), 1.0, generator(3))
    assert mixed.inputs[1].dtype == torch.int64
    main = mixed.target if mixed.share >= 0.5 else mixed.other
    assert torch.equal(mixed.inputs[1].flatten(), main)
    by_name = mixup({"numbers": inputs[0], "codes": inputs[1]}, torch.arange(8), 1.0, generator(3))
    assert torch.equal(by_name.inputs["numbers"], mixed.inputs[0])


def test_mixing_the_losses_is_the_loss_of_mixed_probabilities():
    outputs, target = torch.randn(8, 3), torch.randint(3, (8,))
    mixed = mixup(torch.zeros(8, 1), target, 1.0, generator())
    loss = make_loss("cross_entropy")
    both = mixed.share * loss(outputs, mixed.target) + (1 - mixed.share) * loss(outputs, mixed.other)
    one_hot = torch.eye(3)
    soft = mixed.share * one_hot[mixed.target] + (1 - mixed.share) * one_hot[mixed.other]
    torch.testing.assert_close(both, loss(outputs, soft))


def test_clipping_by_norm_and_by_value():
    parameters = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]
    parameters[0].grad, parameters[1].grad = torch.tensor([3.0, 0.0, -9.0]), torch.tensor([4.0, 0.0])
    assert clip_gradients(parameters, value=4.0) is None
    assert parameters[0].grad.tolist() == [3.0, 0.0, -4.0]
    norm = clip_gradients(iter(parameters), norm=1.0)
    assert float(norm) == pytest.approx(np.sqrt(41))
    clipped = torch.cat([parameter.grad for parameter in parameters[:2]])
    assert float(clipped.norm()) == pytest.approx(1.0, abs=1e-5)
