"""Stacked TabM gives each member the predictions and gradients that autograd gives it alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from goodfit.models.initialization import initialize
from goodfit.models.tabm import TabM
from goodfit.training.population.chain_plans import chain_plan, stackable, without_dropout
from goodfit.training.population.stacked_network import ChainNetwork, decayed_ids

ROWS, PREDICTIONS = 7, 4
EDGES = [[-1.0, 0.0, 0.5, 2.0], [0.0, 1.0], [-2.0, 0.1, 0.3]]
KINDS: dict[str, tuple[list[list[float]], tuple[int, ...]]] = {
    "numbers": (EDGES, ()),
    "embedded": (EDGES[::2], ()),
    "plain": ([[0.0, 1.0], []], ()),
    "mixed": (EDGES, (3, 30, 2)),
    "categories": ([], (30, 5)),
}


def networks(
    kind: str, widths: tuple[int, ...] = (6, 6, 6), mean: str = "softmax", **changes: Any
) -> list[TabM]:
    bins, levels = KINDS[kind]
    made = []
    for seed, width in enumerate(widths):
        own = [[edge + 0.1 * seed for edge in edges] for edges in bins]  # each has its own rows
        network = TabM(own, levels, (width, width), 2, members=PREDICTIONS, predictions=mean, **changes)
        initialize(network, "he_normal", seed=seed)
        for number, parameter in enumerate(network.parameters()):  # embeddings begin as zeros
            generator = torch.Generator().manual_seed(100 * seed + number)
            with torch.no_grad():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        made.append(network)
    return made


def rows_of(kind: str, seed: int = 0) -> tuple[Tensor, ...]:
    bins, levels = KINDS[kind]
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(ROWS, len(bins), generator=generator)
    codes = [torch.randint(count, (ROWS, 1), generator=generator) for count in levels]
    return (numbers, torch.cat(codes, 1)) if levels else (numbers,)


def arranged(network: ChainNetwork, kind: str, shared: bool) -> tuple[Tensor, ...]:
    encoded = []
    for member in range(1 if shared else len(network.weights)):
        rows = rows_of(kind, 0 if shared else member)
        encoded.append(network.encode(rows if len(rows) > 1 else rows[0]))
    leaves = tuple(torch.stack([one[place] for one in encoded]) for place in range(len(encoded[0])))
    return network.arrange(leaves)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(6, 6, 6), (3, 6, 5)], ids=["alike", "other widths"])
@pytest.mark.parametrize("shared", [True, False])
def test_predictions_and_gradients(kind: str, widths: tuple[int, ...], shared: bool) -> None:
    models = networks(kind, widths)
    network = ChainNetwork.of(models)
    assert network.predictions == PREDICTIONS
    with torch.no_grad():
        outputs = network.forward(arranged(network, kind, shared), True)
    direction = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1))
    network.backward(direction)
    for member, model in enumerate(models):
        model.train()
        own = model(*rows_of(kind, 0 if shared else member))  # (rows, predictions, units)
        expected = own.permute(2, 1, 0).flatten(1)
        torch.testing.assert_close(outputs[member], expected.detach(), rtol=1e-4, atol=1e-5)
        expected.backward(direction[member])
        gradients = network.state_of(member, network.gradient, {})
        assert gradients.keys() == dict(model.named_parameters()).keys()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("mean", ["softmax", "sigmoid", "exp", "identity"])
def test_evaluation_makes_one_prediction(mean: str) -> None:
    models = networks("mixed", mean=mean, dropout=0.5)
    network = ChainNetwork.of(models).keep(torch.tensor([2, 0]))
    with torch.no_grad():
        outputs = network.forward(arranged(network, "mixed", True), False)
        for place, member in enumerate((2, 0)):
            alone = models[member].eval()(*rows_of("mixed"))
            torch.testing.assert_close(outputs[place].T, alone, rtol=1e-4, atol=1e-5)


def test_what_is_stacked() -> None:
    plans = [chain_plan(model) for model in networks("mixed", (6, 4, 6), dropout=0.1)]
    assert stackable(plans[0] or ()) == stackable(plans[1] or ())
    other = networks("mixed")[0]  # without dropout: nothing that must be the same
    same = [without_dropout(stackable(found or ())) for found in (chain_plan(other), plans[0])]
    assert same[0] == same[1]
    swapped = TabM([EDGES[1], EDGES[0], EDGES[2]], KINDS["mixed"][1], (6, 6), 2, members=PREDICTIONS)
    assert stackable(chain_plan(swapped) or ()) != stackable(plans[0] or ())
    other.output = nn.Identity()
    assert chain_plan(other) is None


def test_penalties_reach_the_weights() -> None:
    model = networks("mixed")[0]
    network = ChainNetwork.of([model])
    marked = torch.zeros_like(network.weights)
    marked[:, : network.decayed] = 1.0
    for name, value in network.state_of(0, marked, {}).items():
        if name in dict(model.named_parameters()):
            expected = 1.0 if id(model.get_parameter(name)) in decayed_ids(model) else 0.0
            assert bool((value == expected).all()), name
