"""Dropout by 16 random bits a number: the share, the scale, the gradient, and what goes around it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from goodfit.models.build import build_model
from goodfit.models.dropout import Dropout, dropout_mask
from goodfit.recipe import Recipe

COUNT = 400_000


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.77, 0.999])
def test_a_share_is_dropped_and_the_expectation_stays(share):
    torch.manual_seed(0)
    mask = dropout_mask(torch.empty(COUNT), share)
    dropped = float((mask == 0).double().mean())
    assert dropped == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / COUNT))
    scale = mask.unique().tolist()
    assert scale[0] == 0
    assert len(scale) == 2
    # The scale is that of the share really kept, which is a multiple of 1 / 65,536.
    assert (65536 / scale[1]) == pytest.approx(round(65536 / scale[1]), rel=1e-6)
    assert 1 / scale[1] == pytest.approx(1 - share, abs=1 / 131072)


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
def test_shares_at_the_ends_stay_finite(share):
    torch.manual_seed(0)
    mask = dropout_mask(torch.empty(COUNT, dtype=torch.float16), share)
    assert bool(mask.isfinite().all())
    assert float((mask == 0).double().mean()) == pytest.approx(share, abs=1e-4)


def test_numbers_drawn_together_are_dropped_apart():
    torch.manual_seed(0)
    dropped = (dropout_mask(torch.empty(COUNT), 0.3) == 0).double()
    for far in range(1, 9):
        both = float((dropped[:-far] * dropped[far:]).mean())
        assert both == pytest.approx(0.09, abs=5 * math.sqrt(0.09 * 0.91 / COUNT))


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 5), (0, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_any_shape_and_type(shape, dtype):
    values = torch.ones(shape, dtype=dtype)
    mask = dropout_mask(values, 0.5)
    assert (mask.shape, mask.dtype) == (values.shape, dtype)


def test_the_gradient_goes_where_the_value_went():
    torch.manual_seed(0)
    values = torch.randn(50, 9, requires_grad=True)
    outputs = Dropout(0.4)(values)
    outputs.sum().backward()
    assert torch.equal(values.grad != 0, outputs != 0)
    torch.testing.assert_close(values.grad * values.detach(), outputs.detach())


def test_the_same_seed_draws_the_same():
    layer, values = Dropout(0.2), torch.ones(30, 7)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(layer(values))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_nothing_happens_in_evaluation_or_without_a_share():
    values = torch.randn(30, 7)
    before = torch.get_rng_state()
    assert Dropout(0.5).eval()(values) is values
    assert Dropout(0.0)(values) is values
    assert torch.equal(torch.get_rng_state(), before)
    assert not Dropout(1.0)(values).any()


def test_mapped_over_members_each_draws_its_own():
    mask = torch.func.vmap(lambda row: dropout_mask(row, 0.5), randomness="different")(torch.ones(3, 400))
    assert float((mask == 0).double().mean()) == pytest.approx(0.5, abs=0.1)
    assert not torch.equal(mask[0], mask[1])
    assert not torch.equal(mask[1], mask[2])


@pytest.mark.parametrize("model", ["mlp", "resnet", "tabm"])
def test_our_networks_have_it(model):
    recipe = Recipe(model=model, hidden=(8, 8), dropout=0.5, normalization=None, members=2)
    network = build_model(recipe, inputs=3, outputs=2)
    kinds = {type(layer) for layer in network.modules() if isinstance(layer, nn.Dropout)}
    assert kinds == {Dropout}
    rows = torch.randn(6, 3)
    assert not torch.equal(network(rows), network(rows))
    assert torch.equal(network.eval()(rows), network(rows))
