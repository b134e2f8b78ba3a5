from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from goodfit.errors import InputError
from goodfit.models.activations import ACTIVATIONS, Activation
from goodfit.models.initialization import INITIALIZATIONS, initialize, layers_of
from goodfit.models.mlp import MLP

NUMBERS, LEVELS, WIDTH = 120, (40, 50), 200
FAN_IN = NUMBERS + len(LEVELS)
GAIN = math.sqrt(2)

# Name -> standard deviation of the first hidden layer's weights, of its table, and of the output layer.
SPREAD = {
    "auto": (GAIN / math.sqrt(FAN_IN), GAIN / math.sqrt(FAN_IN), 0.1 / math.sqrt(WIDTH)),
    "default": (1 / math.sqrt(3 * FAN_IN), 1 / math.sqrt(3 * FAN_IN), 1 / math.sqrt(3 * WIDTH)),
    "he_uniform": (GAIN / math.sqrt(FAN_IN), GAIN / math.sqrt(FAN_IN), 1 / math.sqrt(WIDTH)),
    "he_normal": (GAIN / math.sqrt(FAN_IN), GAIN / math.sqrt(FAN_IN), 1 / math.sqrt(WIDTH)),
    "xavier_uniform": (GAIN * math.sqrt(2 / (FAN_IN + WIDTH)),) * 2 + (math.sqrt(2 / (WIDTH + 60)),),
    "xavier_normal": (GAIN * math.sqrt(2 / (FAN_IN + WIDTH)),) * 2 + (math.sqrt(2 / (WIDTH + 60)),),
    "orthogonal": (GAIN / math.sqrt(WIDTH), GAIN / math.sqrt(FAN_IN), 1 / math.sqrt(WIDTH)),
    "zeros": (0.0, 0.0, 0.0),
}


def network(**changes) -> MLP:
    return MLP(**{"numbers": NUMBERS, "levels": LEVELS, "hidden": (WIDTH,), "outputs": 60, **changes})


def rows(count: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    codes = [torch.randint(0, levels, (count, 1), generator=generator) for levels in LEVELS]
    return torch.randn(count, NUMBERS, generator=generator), torch.cat(codes, 1)


def test_the_table_is_complete():
    assert set(SPREAD) | {"lsuv"} == set(INITIALIZATIONS)


@pytest.mark.parametrize("name", SPREAD)
def test_weights_have_the_expected_variance(name):
    net = network()
    initialize(net, name, seed=1)
    spread = [weight.std().item() for weight in (net.hidden1.weight, net.hidden1.table, net.output.weight)]
    assert spread == pytest.approx(SPREAD[name], rel=0.05)
    assert all(abs(layer.weights[0].mean().item()) < 0.01 for layer in layers_of(net))
    if name != "default":
        assert not net.hidden1.bias.any()


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_it_follows_from_the_seed_alone_and_leaves_torch_as_it_was(name):
    first, second, other = network(), network(), network()
    state = torch.get_rng_state()
    initialize(first, name, seed=7, sample=rows())
    torch.rand(1)
    changed = torch.get_rng_state()
    initialize(second, name, seed=7, sample=rows())
    initialize(other, name, seed=8, sample=rows())
    assert torch.equal(torch.get_rng_state(), changed)
    torch.set_rng_state(state)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
    assert (name == "zeros") == torch.equal(first.output.weight, other.output.weight)


def test_a_function_that_fails_is_refused():
    with pytest.raises(InputError, match="failed at"):
        initialize(network(), lambda name: None)


@pytest.mark.parametrize(
    ("name", "ours"), [("kaiming_normal", "he_normal"), ("glorot_uniform", "xavier_uniform")]
)
def test_the_names_that_other_libraries_give_are_understood(name, ours):
    first, second = network(), network()
    initialize(first, name)
    initialize(second, ours)
    assert torch.equal(first.output.weight, second.output.weight)


@pytest.mark.parametrize("kind", ["he_normal", "he_uniform"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "gelu", "silu"])
def test_he_with_the_gain_keeps_the_signal_through_the_layers(kind, activation):
    net = MLP(300, (), (300,) * 3, 300, activation=activation)
    initialize(net, kind, activation=activation, seed=0)
    values = torch.randn(500, 300, generator=torch.Generator().manual_seed(0))
    assert 0.5 < net(values).var().item() < 2.5


@pytest.mark.parametrize("name", ["elu", "gelu", "silu", "relu"])
def test_gains_keep_the_second_moment(name):
    activation: Activation = ACTIVATIONS[name]
    normal = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moment = activation.module()(normal).square().mean().item()
    assert activation.gain == pytest.approx(1 / math.sqrt(moment), rel=5e-3)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "sigmoid"])
def test_gains_agree_with_torch(name):
    assert ACTIVATIONS[name].gain == pytest.approx(nn.init.calculate_gain(name))


@pytest.mark.parametrize("how", ["he", "xavier"])
def test_convolutions_agree_with_torch(how):
    net = nn.Sequential(nn.Conv2d(16, 64, 3), nn.ReLU(), nn.Conv1d(8, 128, 5))
    initialize(net, f"{how}_normal", seed=0)
    for layer in (net[0], net[2]):
        expected = torch.empty_like(layer.weight)
        if how == "he":
            nn.init.kaiming_normal_(expected, nonlinearity="relu")
        else:
            nn.init.xavier_normal_(expected, math.sqrt(2))
        assert layer.weight.std().item() == pytest.approx(expected.std().item(), rel=0.08)


def test_transposed_and_grouped_convolutions_count_what_reaches_a_unit():
    facts = {
        (layer.fan_in, layer.fan_out)
        for layer in layers_of(
            nn.Sequential(nn.ConvTranspose2d(6, 8, 3, groups=2), nn.Conv2d(6, 8, 3, groups=2))
        )
    }
    assert facts == {(3 * 9, 4 * 9)}


def test_orthogonal_columns_are_orthogonal():
    net = MLP(20, (), (50,), 3)
    initialize(net, "orthogonal", activation="sigmoid", seed=0)
    torch.testing.assert_close(net.hidden1.weight.T @ net.hidden1.weight, torch.eye(20), atol=1e-5, rtol=0)


def test_lsuv_gives_every_layer_unit_variance_on_the_sample():
    net = network(hidden=(100, 100, 100), activation="silu", normalization="batch", dropout=0.5)
    net.train()
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    initialize(net, "lsuv", activation="silu", sample=rows(), seed=0)
    assert net.training
    assert net.dropout1.training
    for name, buffer in net.named_buffers():
        assert torch.equal(buffer, buffers[name])
    reached = {}
    for name, layer in net.named_children():
        layer.register_forward_hook(
            lambda module, inputs, output, name=name: reached.update({name: output.var()})
        )
    net.eval()(*rows())
    assert all(0.85 < reached[name] < 1.15 for name in ("hidden1", "hidden2", "hidden3", "output"))


def test_lsuv_survives_a_constant_layer():
    net = MLP(3, (), (4,), 1)
    initialize(net, "lsuv", sample=torch.zeros(10, 3))
    assert all(parameter.isfinite().all() for parameter in net.parameters())


def test_auto_starts_at_the_given_prior():
    net = network(outputs=3)
    shares = torch.tensor([0.7, 0.2, 0.1])
    initialize(net, "auto", seed=0, output_bias=shares.log())
    probabilities = net(*rows()).softmax(1)
    torch.testing.assert_close(probabilities.mean(0), shares, atol=0.03, rtol=0)
    assert probabilities.std(0).max() < 0.05
    probabilities[:, 0].sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_auto_is_xavier_where_the_activation_saturates():
    one, two = network(activation="tanh"), network(activation="tanh")
    initialize(one, "auto", activation="tanh", seed=0)
    initialize(two, "xavier_uniform", activation="tanh", seed=0)
    assert torch.equal(one.hidden1.weight, two.hidden1.weight)


def test_a_function_gets_every_parameter_by_name():
    net = MLP(3, (), (4,), 1)
    seen = []

    def fill(name: str, tensor: torch.Tensor) -> None:
        seen.append(name)
        nn.init.normal_(tensor)

    initialize(net, fill, seed=3)
    assert seen == [name for name, _ in net.named_parameters()]
    again = MLP(3, (), (4,), 1)
    initialize(again, fill, seed=3)
    assert torch.equal(net.output.weight, again.output.weight)


def test_recurrent_and_attention_layers_are_drawn_from_the_seed_too():
    def build() -> nn.Module:
        return nn.ModuleList([nn.GRU(3, 4), nn.MultiheadAttention(4, 2), nn.Embedding(5, 3)])

    one, two = build(), build()
    initialize(one, "he_normal", seed=1)
    initialize(two, "he_normal", seed=1)
    for first, second in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("he_norml", "initialization.unknown-near"),
        ("§", "initialization.unknown"),
        ("lsuv", "initialization.lsuv-sample"),
    ],
)
def test_what_cannot_be_done_is_refused(how, code):
    with pytest.raises(InputError) as error:
        initialize(network(), how)
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")
