from __future__ import annotations

import pytest
import torch
from torch import nn

from goodfit.errors import InputError
from goodfit.models.mlp import MLP
from goodfit.training.optimizers import make_optimizer
from goodfit.training.parameter_groups import parameter_groups


def by_name(model: nn.Module, key: str = "weight_decay", **settings) -> dict[str, float]:
    settings = {"patterns": {}, "accepted": ("betas",), "owner": "adamw", "weight_decay": 0.1, **settings}
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, **settings)
    return {names[parameter]: group.get(key) for group in groups for parameter in group["params"]}


def test_biases_and_normalisation_are_not_decayed():
    model = MLP(2, (3,), (4,), 1, normalization="batch")
    decayed = {name for name, decay in by_name(model).items() if decay}
    assert decayed == {"hidden1.weight", "hidden1.table", "output.weight"}
    assert set(by_name(model, decay_all=True).values()) == {0.1}


def test_a_norm_over_two_dimensions_is_not_decayed():
    assert by_name(nn.LayerNorm((3, 3))) == {"weight": 0.0, "bias": 0.0}


def test_the_first_pattern_that_fits_decides():
    model = MLP(2, (), (4, 4), 1)
    patterns = {"hidden1.*": {"learning_rate": 0.5}, "hidden*": {"weight_decay": 0.7, "betas": [0.1, 0.2]}}
    assert by_name(model, "lr", patterns=patterns)["hidden1.weight"] == 0.5
    assert by_name(model, patterns=patterns) == {
        **{"hidden1.weight": 0.1, "hidden1.bias": 0.0, "hidden2.weight": 0.7, "hidden2.bias": 0.0},
        **{"output.weight": 0.1, "output.bias": 0.0},
    }
    assert by_name(model, "betas", patterns=patterns)["hidden2.bias"] == (0.1, 0.2)


def test_weight_decay_shrinks_weights_only():
    model = MLP(2, (), (4,), 1)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer = make_optimizer("sgd", model, learning_rate=0.5, weight_decay=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(
            parameter.detach(), before[name] * (0.95 if name.endswith("weight") else 1.0)
        )


def test_frozen_and_shared_parameters_appear_as_they_are_trained():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model[0].bias.requires_grad_(False)
    assert set(by_name(model)) == {"0.weight", "1.bias"}


@pytest.mark.parametrize(
    ("patterns", "code"),
    [
        ({"head.*": {"learning_rate": 1e-4}}, "optimizer.pattern"),
        ({"output.*": {"momentun": 1}}, "option.unknown"),
        ({"output.*": 0.1}, "optimizer.group-table"),
        ({"output.*": {"learning_rate": -1}}, "optimizer.group-value"),
    ],
)
def test_wrong_groups_are_refused(patterns, code):
    with pytest.raises(InputError) as error:
        by_name(MLP(2, (), (4,), 1), patterns=patterns)
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")


def test_a_network_with_nothing_to_train_is_refused():
    with pytest.raises(InputError, match="no parameters to train"):
        make_optimizer("adam", nn.ReLU(), learning_rate=0.1)
