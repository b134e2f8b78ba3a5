from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from goodfit.errors import InputError
from goodfit.models.activations import ACTIVATIONS
from goodfit.models.mlp import MLP, ONE_HOT_LEVELS, MixedLinear


def one_hot(codes: torch.Tensor, levels: tuple[int, ...]) -> torch.Tensor:
    return torch.cat([F.one_hot(codes[:, column], count) for column, count in enumerate(levels)], 1).float()


def some_codes(levels: tuple[int, ...], rows: int) -> torch.Tensor:
    return torch.stack([torch.randint(0, count, (rows,)) for count in levels], 1)


@pytest.mark.parametrize("numbers", [0, 3])
@pytest.mark.parametrize("levels", [(4,), (2, 5, 3), (100, 7)], ids=["one", "product", "lookup"])
@pytest.mark.parametrize("codes_type", [torch.int64, torch.int32])
def test_categories_equal_a_linear_layer_over_the_one_hot_columns(numbers, levels, codes_type):
    torch.manual_seed(0)
    layer = MixedLinear(numbers, levels, 6)
    dense = nn.Linear(numbers + sum(levels), 6)
    with torch.no_grad():
        dense.weight.copy_(torch.cat([layer.weight, layer.table.T], 1))
        dense.bias.copy_(layer.bias)
    values, codes = torch.randn(20, numbers), some_codes(levels, 20)
    ours = layer(values, codes.to(codes_type))
    theirs = dense(torch.cat([values, one_hot(codes, levels)], 1))
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn(20, 6)
    ours.backward(upstream)
    theirs.backward(upstream)
    torch.testing.assert_close(layer.weight.grad, dense.weight.grad[:, :numbers])
    torch.testing.assert_close(layer.table.grad.T, dense.weight.grad[:, numbers:])
    torch.testing.assert_close(layer.bias.grad, dense.bias.grad)


def test_both_ways_of_the_lookup_are_covered():
    assert 2 + 5 + 3 <= ONE_HOT_LEVELS < 100 + 7


def test_children_are_named_by_layer():
    net = MLP(3, (), (8, 4), 2, activation="tanh", dropout=0.5, normalization="batch")
    assert list(dict(net.named_children())) == [
        *("hidden1", "normalization1", "activation1", "dropout1"),
        *("hidden2", "normalization2", "activation2", "dropout2"),
        "output",
    ]
    assert net(torch.zeros(5, 3)).shape == (5, 2)


def test_without_hidden_layers_it_is_the_linear_model():
    net = MLP(3, (2,), (), 2)
    assert [type(layer) for layer in net] == [MixedLinear]
    rows = torch.randn(6, 3)
    codes = torch.zeros(6, 1, dtype=torch.int64)
    middle = net((rows[:3] + rows[3:]) / 2, codes[:3])
    torch.testing.assert_close(middle, (net(rows[:3], codes[:3]) + net(rows[3:], codes[3:])) / 2)


def test_dropout_and_normalization_are_absent_unless_asked():
    assert [type(layer) for layer in MLP(2, (), (10,), 2)] == [nn.Linear, nn.ReLU, nn.Linear]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_trains(name):
    net = MLP(2, (), (8,), 1, activation=name)
    net(torch.randn(4, 2)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_a_population_of_networks_can_be_stacked_and_batched():
    nets = [MLP(2, (4, 3), (5,), 2) for _ in range(3)]
    parameters, buffers = stack_module_state(nets)
    values, codes = torch.randn(7, 2), some_codes((4, 3), 7)
    template = MLP(2, (4, 3), (5,), 2)
    together = vmap(lambda p, b: functional_call(template, (p, b), (values, codes)))(parameters, buffers)
    torch.testing.assert_close(together, torch.stack([net(values, codes) for net in nets]))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((0, (), (4,), 1), "model.no-inputs"),
        ((2, (0,), (4,), 1), "model.no-inputs"),
        ((2, (), (4, 0), 1), "model.no-units"),
        ((2, (), (4,), 0), "model.no-units"),
        ((2, (), (4,), 1, {"activation": "rellu"}), "model.activation.unknown-near"),
        ((2, (), (4,), 1, {"normalization": "batchnorm"}), "model.normalization.unknown-near"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, code):
    with pytest.raises(InputError) as error:
        MLP(*arguments[:4], **dict(*arguments[4:]))
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")
