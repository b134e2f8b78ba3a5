from __future__ import annotations

import functools

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from goodfit.errors import InputError
from goodfit.recipe import Recipe
from goodfit.workflow.choices import (
    batch_size_for,
    check_device,
    check_functions,
    completed,
    name_of,
    separate_functions,
)
from goodfit.workflow.parts import Parts, part_of

X, Y = torch.zeros(40, 3), torch.arange(40) % 2


def parts(data=(X, Y), valid=(X, Y), **facts) -> Parts:
    return Parts(part_of(data, "train"), None if valid is None else part_of(valid, "valid"), **facts)


def my_metric(truth, said):
    return 0.0


def test_functions_become_names_in_the_recipe():
    sgd = functools.partial(torch.optim.SGD, lr=1)
    fields = {"loss": nn.CrossEntropyLoss(), "optimizer": sgd, "epochs": 2}
    plain, functions = separate_functions(fields | {"metrics": ["accuracy", my_metric]})
    assert plain == {
        "loss": "function CrossEntropyLoss",
        "optimizer": "function SGD",
        "epochs": 2,
        "metrics": ("accuracy", "my_metric"),
    }
    assert functions["loss"] is fields["loss"]
    assert functions["metrics"] == ["accuracy", my_metric]
    assert Recipe(**plain).loss == "function CrossEntropyLoss"
    assert separate_functions({"metrics": my_metric})[0]["metrics"] == ("my_metric",)
    names = {"loss": "mse", "metrics": "accuracy"}
    assert separate_functions(names) == (names, {})
    assert separate_functions({"class_weight": {0: 1, "a": 2}})[0] == {"class_weight": {"0": 1, "a": 2}}


def test_a_module_called_name_is_no_name():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.name = nn.Linear(1, 1)

    assert name_of(Named()) == "Named"
    assert name_of(Named) == "Named"
    assert name_of(lambda: 0) == "<lambda>"


def test_nothing_is_left_to_be_decided():
    recipe = completed(Recipe(), parts(), {}, nn.Linear(3, 2))
    decided = recipe.to_dict()
    kept = {"valid_fraction", "test_fraction", "metrics", "initialization"}
    assert not [name for name, value in decided.items() if value == "auto" and name not in kept]
    assert recipe.model == "function Linear"
    assert recipe.loss == "cross_entropy"
    assert completed(Recipe(), parts(task="regression"), {}, None).loss == "mse"
    assert completed(Recipe(), parts(task="regression"), {}, None).model == "mlp"
    assert completed(Recipe(), parts(), {"step": print}, nn.Linear(3, 2)).loss == "custom"
    assert completed(Recipe(), parts(valid=None), {}, None).monitor == "train_loss"
    assert completed(Recipe(monitor="valid_f1"), parts(valid=None), {}, None).monitor == "valid_f1"


def test_a_loader_says_its_own_batch_size():
    loader = DataLoader(TensorDataset(X, Y), batch_size=7)
    assert completed(Recipe(), parts(loader), {}, None).batch_size == 7
    assert completed(Recipe(batch_size=7), parts(loader), {}, None).batch_size == 7
    with pytest.raises(InputError, match="7 rows a batch"):
        completed(Recipe(batch_size=8), parts(loader), {}, None)
    assert completed(Recipe(batch_size=8), parts([(X, Y)]), {}, None).batch_size == 8


@pytest.mark.parametrize("rows", [None, 1, 50, 10**4, 10**9])
def test_the_minibatch_is_a_power_of_two_between_bounds(rows):
    size = batch_size_for(rows)
    assert 32 <= size <= 1024
    assert size & (size - 1) == 0


def test_devices():
    assert check_device("cpu").type == "cpu"
    for name in ("tpu", "cuda:99", "nonsense"):
        with pytest.raises(InputError, match=name):
            check_device(name)


def test_functions_that_only_the_caller_has():
    check_functions(Recipe(), {}, None)
    check_functions(Recipe(loss="function f"), {"loss": print}, None)
    for recipe, word in (
        (Recipe(loss="function bent"), "bent"),
        (Recipe(optimizer="function Mine"), "optimizer="),
        (Recipe(loss="custom"), "step="),
        (Recipe(model="function Net"), "model="),
    ):
        with pytest.raises(InputError, match=word):
            check_functions(recipe, {}, None)
    with pytest.raises(InputError, match="type int"):
        check_functions(Recipe(), {}, 3)
