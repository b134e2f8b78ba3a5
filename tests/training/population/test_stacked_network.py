"""Stacked networks give each member the outputs and gradients that autograd gives it alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from goodfit.models.activations import ACTIVATIONS
from goodfit.models.dropout import Dropout
from goodfit.models.initialization import initialize
from goodfit.models.mlp import MLP
from goodfit.training.population.chain_plans import chain_plan, stackable, widest
from goodfit.training.population.mapped_network import MappedNetwork, can_be_mapped
from goodfit.training.population.stacked_network import ChainNetwork, StackedNetwork, decayed_ids

MEMBERS, ROWS = 3, 7


def mlps(**changes: Any) -> list[nn.Module]:
    asked = {"numbers": 4, "levels": (), "hidden": (6, 5), "outputs": 3, **changes}
    models = [MLP(**asked) for _ in range(MEMBERS)]
    for seed, model in enumerate(models):
        initialize(model, "he_normal", seed=seed)
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in model.named_parameters():
            if "normalization" in name:
                torch.nn.init.normal_(parameter, generator=generator)
    return list(models)


def rows_for(levels: tuple[int, ...], numbers: int = 4) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    found: list[Any] = []
    for _ in range(MEMBERS):
        values = torch.randn(ROWS, numbers, generator=generator)
        codes = [torch.randint(count, (ROWS, 1), generator=generator) for count in levels]
        found.append((values, torch.cat(codes, 1)) if levels else values)
    return found


def stacked(network: StackedNetwork, rows: list[Any]) -> tuple[Tensor, ...]:
    encoded = [network.encode(inputs) for inputs in rows]
    leaves = tuple(torch.stack([item[place] for item in encoded]) for place in range(len(encoded[0])))
    return network.arrange(leaves)


def check(network: StackedNetwork, models: list[nn.Module], rows: list[Any], training: bool = True) -> None:
    """Compare outputs, gradients and buffers of two batches with those of the modules themselves."""
    arranged = stacked(network, rows)
    for first, last in ((0, 4), (4, ROWS)):
        with torch.no_grad():
            outputs = network.forward(network.slice(arranged, first, last), training)
        generator = torch.Generator().manual_seed(last)
        direction = torch.randn(outputs.shape, generator=generator)
        if training:
            network.backward(direction)
        for member, model in enumerate(models):
            model.train(training)
            model.zero_grad()
            inputs = rows[member]
            part = (
                tuple(item[first:last] for item in inputs)
                if isinstance(inputs, tuple)
                else inputs[first:last]
            )
            own = model(*part) if isinstance(part, tuple) else model(part)
            torch.testing.assert_close(
                outputs[member].T, own.detach().reshape(last - first, -1), rtol=1e-4, atol=1e-5
            )
            if training:
                own.reshape(last - first, -1).backward(direction[member].T)
                gradients = network.state_of(member, network.gradient, {})
                for name, parameter in model.named_parameters():
                    torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=5e-5)
    for member, model in enumerate(models):
        state = network.state_of(member, network.weights, network.buffers)
        for name, value in model.state_dict().items():
            if "num_batches" not in name:
                torch.testing.assert_close(state[name], value)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str) -> None:
    models = mlps(activation=activation)
    check(ChainNetwork.of(models), models, rows_for(()))


@pytest.mark.parametrize("normalization", ["batch", "layer"])
@pytest.mark.parametrize("training", [True, False])
def test_normalisation(normalization: str, training: bool) -> None:
    models = mlps(normalization=normalization)
    network = ChainNetwork.of(models)
    check(network, models, rows_for(()), training)
    check(network, models, rows_for(()), False)


@pytest.mark.parametrize(("levels", "numbers"), [((3, 4), 4), ((60, 70), 4), ((60, 70), 0), ((5,), 0)])
def test_categories(levels: tuple[int, ...], numbers: int) -> None:
    models = mlps(levels=levels, numbers=numbers)
    network = ChainNetwork.of(models)
    check(network, models, rows_for(levels, numbers))
    kept = network.keep(torch.tensor([2, 0]))
    check(kept, [models[2], models[0]], [rows_for(levels, numbers)[place] for place in (2, 0)])


def test_the_linear_model_and_a_chain_of_ones_own() -> None:
    linear = mlps(hidden=())
    check(ChainNetwork.of(linear), linear, rows_for(()))
    torch.manual_seed(0)
    own: list[nn.Module] = [
        nn.Sequential(
            nn.Linear(4, 5, bias=False), nn.Identity(), nn.GELU("tanh"), nn.LeakyReLU(0.2), nn.Linear(5, 1)
        )
        for _ in range(MEMBERS)
    ]
    check(ChainNetwork.of(own), own, rows_for(()))


@given(
    shapes=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=MEMBERS, max_size=MEMBERS),
    activation=st.sampled_from(list(ACTIVATIONS)),
    normalization=st.sampled_from([None, "batch", "layer"]),
    levels=st.sampled_from([(), (3, 4), (60, 70)]),
)
@settings(max_examples=40, deadline=None)
def test_members_of_other_widths(
    shapes: list[tuple[int, int]], activation: str, normalization: str | None, levels: tuple[int, ...]
) -> None:
    assume(normalization != "layer" or min(map(min, shapes)) > 1)  # of one unit the norm is noise
    models: list[nn.Module] = []
    for shape in shapes:
        models += mlps(hidden=shape, activation=activation, normalization=normalization, levels=levels)[:1]
    network = ChainNetwork.of(models)
    check(network, models, rows_for(levels))
    check(network, models, rows_for(levels), training=False)
    own = torch.zeros_like(network.weights)
    for member in range(MEMBERS):
        for view in network._own(member, own, {}).values():
            view.fill_(1.0)
    assert float((network.gradient * (1 - own)).abs().sum()) == 0.0  # so no optimizer moves them
    assert float((network.weights * (1 - own)).abs().sum()) == 0.0
    if network.absent() is None:
        assert len(set(shapes)) == 1
    kept = network.keep(torch.tensor([2, 0]))
    assert kept.plans == widest(network.members[member] for member in (2, 0))  # no zeros of the one that left
    check(kept, [models[2], models[0]], [rows_for(levels)[place] for place in (2, 0)])


def test_a_layer_that_stands_twice_counts_twice() -> None:
    twice, half = nn.Tanh(), nn.Dropout(0.5)
    chain = nn.Sequential(nn.Linear(4, 4), twice, half, nn.Linear(4, 4), twice, half, nn.Linear(4, 2))
    plans = chain_plan(chain)
    assert plans is not None
    assert [plan.name for plan in plans] == list("0123456")
    network = ChainNetwork.of([chain, chain, chain])
    assert {name: share.tolist() for name, share in network.shares.items()} == {
        "2": [0.5] * 3,
        "5": [0.5] * 3,
    }
    check(network, [chain] * 3, rows_for(()), training=False)


def test_what_can_be_stacked() -> None:
    narrow, wide, deep = (chain_plan(mlps(hidden=shape)[0]) for shape in ((3, 5), (7, 2), (3, 5, 4)))
    other = chain_plan(mlps(hidden=(3, 5), outputs=2)[0])
    assert stackable(narrow or ()) == stackable(wide or ())
    assert len({stackable(plans or ()) for plans in (narrow, deep, other)}) == 3
    assert widest([narrow or (), wide or ()]) == chain_plan(mlps(hidden=(7, 5))[0])


def test_all_members_may_have_the_same_rows() -> None:
    models = mlps(levels=(60, 70))
    network = ChainNetwork.of(models)
    rows = rows_for((60, 70))[:1] * MEMBERS
    shared = tuple(leaf[:1] for leaf in stacked(network, rows))
    outputs = network.forward(shared, True)
    torch.testing.assert_close(outputs, network.forward(stacked(network, rows), True))


def test_penalties_reach_weights_and_not_biases() -> None:
    model = mlps(levels=(3,), normalization="layer")[0]
    network = ChainNetwork.of([model])
    marked = torch.zeros_like(network.weights)
    marked[:, : network.decayed] = 1.0
    for name, value in network.state_of(0, marked, {}).items():
        expected = 1.0 if id(model.get_parameter(name)) in decayed_ids(model) else 0.0
        assert bool((value == expected).all()), name


@pytest.mark.parametrize("shares", [(0.0, 0.2, 0.7), (0.3, 0.3, 0.3)], ids=["own", "same"])
@pytest.mark.parametrize("kind", [nn.Dropout, Dropout])
def test_dropout_drops_each_members_share(kind: type[nn.Dropout], shares: tuple[float, ...]) -> None:
    models: list[nn.Module] = [
        nn.Sequential(nn.Linear(1, 400), kind(share), nn.Linear(400, 1)) for share in shares
    ]
    network = ChainNetwork.of(models)
    torch.manual_seed(0)
    layers = network._layers
    value = torch.ones(MEMBERS, 400, 50)
    dropped, kept = layers[1][0](value, True)
    for member, share in enumerate(shares):
        assert float((dropped[member] == 0).float().mean()) == pytest.approx(share, abs=0.02)
        assert float(dropped[member].mean()) == pytest.approx(1.0, abs=0.05)
    assert torch.equal(layers[1][1](value, kept), dropped)
    assert torch.equal(layers[1][0](value, False)[0], value)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(3, 4), nn.Linear(2, 4), nn.BatchNorm1d(4)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.norm(torch.tanh(self.first(first)) + self.second(second)).sum(1)


def test_modules_of_ones_own_are_mapped() -> None:
    torch.manual_seed(0)
    images: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 3)) for _ in range(MEMBERS)
    ]
    rows: list[Any] = [torch.randn(ROWS, 1, 5, 5) for _ in range(MEMBERS)]
    assert chain_plan(images[0]) is None
    assert can_be_mapped(images, rows[0][:2])
    check(MappedNetwork.of(images), images, rows)
    two: list[nn.Module] = [TwoInputs() for _ in range(MEMBERS)]
    pairs: list[Any] = [(torch.randn(ROWS, 3), torch.randn(ROWS, 2)) for _ in range(MEMBERS)]
    assert can_be_mapped(two, tuple(item[:4] for item in pairs[0]))
    network = MappedNetwork.of(two)
    check(network, two, pairs)
    check(network.keep(torch.tensor([1])), [two[1]], [pairs[1]])


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.output = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.output(self.gru(inputs)[0][:, -1])


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs if float(inputs.sum()) > 0 else -inputs)


def test_what_cannot_be_mapped_is_noticed_and_left_as_it_was() -> None:
    for build, rows in ((Recurrent, torch.randn(4, 5, 2)), (Branching, torch.randn(4, 2))):
        models: list[nn.Module] = [build(), build()]
        before = copy.deepcopy(models[0].state_dict())
        assert not can_be_mapped(models, rows)
        assert all(torch.equal(before[name], value) for name, value in models[0].state_dict().items())


def test_hooks_and_tied_weights_are_no_chain() -> None:
    hooked = nn.Sequential(nn.Linear(2, 2))
    hooked[0].register_forward_hook(lambda *_: None)
    layer = nn.Linear(2, 2)
    tied = nn.Sequential(layer, nn.ReLU(), layer)
    frozen = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    frozen[0].requires_grad_(False)
    assert [chain_plan(model) for model in (hooked, tied, frozen)] == [None] * 3


def test_a_members_weights_lie_on_whole_vectors() -> None:
    network = ChainNetwork.of(mlps(levels=(60, 70)))
    assert network.weights.shape[1] % 16 == 0
    assert network.weights.shape[1] % 6 == 0  # the table's width
