"""The update without autograd gives the very bits that autograd and torch's optimizers give."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from goodfit.models.mlp import MLP
from goodfit.models.tabm import TabM
from goodfit.training.direct import direct_gradients, known_layers
from goodfit.training.lean_step import lean_step
from goodfit.training.losses import make_loss
from goodfit.training.members import of_members

ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.LeakyReLU)
OPTIMIZERS = {
    "adam": lambda weights: torch.optim.Adam(weights, 1e-2, fused=True),
    "adamw": lambda weights: torch.optim.AdamW(weights, 1e-2, weight_decay=0.1, fused=True),
    "momentum": lambda weights: torch.optim.SGD(weights, 1e-2, momentum=0.9, fused=True),
    "rmsprop": lambda weights: torch.optim.RMSprop(weights, 1e-3),
}


def chain(activation: type[nn.Module], dropout: float) -> nn.Sequential:
    torch.manual_seed(1)
    layers: list[nn.Module] = [nn.Linear(5, 9), activation()]
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(9, 7), activation(), nn.Linear(7, 3))


def train_both(
    ours: nn.Module, theirs: nn.Module, loss: Any, make_optimizer: Any, inputs: Any, target: Tensor
) -> None:
    """Train one network directly and the other by autograd, on the same batches and random numbers."""
    our_optimizer, their_optimizer = make_optimizer(ours.parameters()), make_optimizer(theirs.parameters())
    direct = direct_gradients(ours, loss, inputs, target)
    assert direct is not None
    update = lean_step(our_optimizer)
    batches = [slice(first, first + 32) for first in range(0, len(target), 32)] * 3

    def rows(part: slice) -> Any:
        return tuple(item[part] for item in inputs) if isinstance(inputs, tuple) else inputs[part]

    torch.manual_seed(2)
    for part in batches:
        their_optimizer.zero_grad()
        batch = rows(part)
        outputs = theirs(*batch) if isinstance(batch, tuple) else theirs(batch)
        expected = loss(outputs, target[part])
        expected.backward()
        their_optimizer.step()
    torch.manual_seed(2)
    for part in batches:
        found = direct(rows(part), target[part])
        update()
    assert torch.equal(found, expected)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("activation", "loss", "dropout", "optimizer"),
    list(itertools.product(ACTIVATIONS, ("cross_entropy", "mse"), (0.0, 0.3), OPTIMIZERS)),
)
def test_equals_autograd(activation: type[nn.Module], loss: str, dropout: float, optimizer: str) -> None:
    torch.manual_seed(0)
    inputs = torch.randn(75, 5)  # the last batch is not full
    target = torch.randint(0, 3, (75,)) if loss == "cross_entropy" else torch.randn(75, 3)
    ours, theirs = chain(activation, dropout), chain(activation, dropout)
    train_both(ours, theirs, make_loss(loss), OPTIMIZERS[optimizer], inputs, target)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_equals_autograd_with_categories(dropout: float) -> None:
    torch.manual_seed(0)
    inputs = (torch.randn(75, 2), torch.randint(0, 4, (75, 2)))
    target = torch.randint(0, 3, (75,))
    networks = []
    for _ in range(2):
        torch.manual_seed(1)
        networks.append(MLP(2, (4, 5), (8,), 3, dropout=dropout))
    train_both(networks[0], networks[1], make_loss("cross_entropy"), OPTIMIZERS["adam"], inputs, target)


EDGES = torch.linspace(-1, 1, 6).tolist()


@pytest.mark.parametrize(
    ("bins", "levels"),
    [
        ([EDGES, EDGES[::2], [], [0.0, 1.0]], (3, 40, 5, 30)),
        ([EDGES] * 3, ()),
        ([[], [0.0, 1.0]], (3,)),
        ([], (40,)),
        ([], (3, 4)),
    ],
    ids=["all kinds", "numbers", "without bins", "one table", "categories"],
)
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_tabm_equals_autograd(bins: list[list[float]], levels: tuple[int, ...], loss: str) -> None:
    torch.manual_seed(0)
    numbers = 2 * torch.randn(75, len(bins))  # some beyond the bins
    codes = [torch.randint(0, count, (75,)) for count in levels]
    inputs: Any = (numbers, torch.stack(codes, 1)) if levels else numbers
    classes = loss == "cross_entropy"
    target = torch.randint(0, 3, (75,)) if classes else torch.randn(75, 3)
    ours = TabM(bins, levels, (9, 9), 3, members=4, dropout=0.2, activation="gelu" if levels else "relu")
    with torch.no_grad():
        for weight in ours.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    train_both(ours, copy.deepcopy(ours), of_members(make_loss(loss)), OPTIMIZERS["adamw"], inputs, target)


def test_tabm_with_what_is_not_known_is_left_to_autograd() -> None:
    loss = of_members(make_loss("mse"))
    assert known_layers(TabM([EDGES], (), (4,), 1), loss) is not None
    assert known_layers(TabM([EDGES], (), (4,), 1), of_members(make_loss("huber"))) is None
    assert known_layers(TabM([EDGES], (), (4,), 1, activation="elu"), loss) is None
    hooked = TabM([EDGES], (), (4,), 1)
    hooked.backbone.blocks[0][1].register_forward_hook(lambda module, inputs, output: None)
    assert known_layers(hooked, loss) is None
    normed = TabM([EDGES], (), (4,), 1)
    nn.utils.parametrizations.weight_norm(normed.output)
    assert known_layers(normed, loss) is None
    other = TabM([EDGES], (), (4,), 1)
    first = other.backbone.blocks[0][0]
    first.__class__ = type("Own", (type(first),), {"forward": lambda self, rows: 2 * rows})
    assert known_layers(other, loss) is None


def test_equals_autograd_with_class_weights() -> None:
    torch.manual_seed(0)
    loss = make_loss("cross_entropy", class_weight=[1.0, 2.0, 0.5])
    inputs, target = torch.randn(64, 5), torch.randint(0, 3, (64,))
    train_both(chain(nn.ReLU, 0.0), chain(nn.ReLU, 0.0), loss, OPTIMIZERS["adam"], inputs, target)


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 3), nn.Softplus(), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 2, bias=False)),
        nn.Sequential(nn.Linear(2, 2).double()),
        nn.Linear(2, 2),
    ],
    ids=["batchnorm", "unknown activation", "no bias", "float64", "no chain"],
)
def test_leaves_what_it_does_not_know_to_autograd(model: nn.Module) -> None:
    assert known_layers(model, make_loss("cross_entropy")) is None


def test_leaves_hooks_frozen_and_shared_weights_to_autograd() -> None:
    loss = make_loss("cross_entropy")
    hooked = nn.Sequential(nn.Linear(2, 2))
    hooked[0].register_forward_hook(lambda module, inputs, output: None)
    frozen = nn.Sequential(nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2))
    shared = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    shared[1].weight = shared[0].weight
    for model in (hooked, frozen, shared):
        assert known_layers(model, loss) is None


@pytest.mark.parametrize("name", ["huber", "bce", "mae"])
def test_leaves_other_losses_to_autograd(name: str) -> None:
    assert known_layers(nn.Sequential(nn.Linear(2, 2)), make_loss(name)) is None
    smoothed = make_loss("cross_entropy", options={"label_smoothing": 0.1})
    assert known_layers(nn.Sequential(nn.Linear(2, 2)), smoothed) is None
