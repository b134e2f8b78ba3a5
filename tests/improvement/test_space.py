from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.errors import InputError
from goodfit.improvement.default_space import default_space
from goodfit.improvement.space import Choices, Range, Space
from goodfit.recipe import Recipe

RATE = {"low": 1e-4, "high": 0.1, "log": True}


def test_a_dict_describes_choices_ranges_and_values_for_all():
    space = Space.of(
        {
            "learning_rate": RATE,
            "hidden": [8, [16, 16], [4]],
            "schedule": ["constant", "cosine"],
            "optimizer_options": {"eps": {"low": 1e-9, "high": 1e-6, "log": True}},
            "patience": ["none", 5],
            "epochs": 7,
        },
        Recipe(batch_size=16),
    )
    assert space.dimensions["hidden"] == Choices(((8,), (16, 16), (4,)))
    assert space.dimensions["patience"] == Choices((None, 5))
    assert space.dimensions["optimizer_options.eps"] == Range(1e-9, 1e-6, log=True)
    assert space.base == Recipe(batch_size=16, epochs=7)
    point = {"learning_rate": 0.01, "hidden": (16, 16), "optimizer_options.eps": 1e-8, "patience": None}
    recipe = space.recipe(point)
    assert recipe == Recipe(
        batch_size=16,
        epochs=7,
        hidden=(16, 16),
        learning_rate=0.01,
        optimizer_options={"eps": 1e-8},
        patience=None,
    )


def test_a_toml_file_says_the_same_and_what_is_written_is_read_again(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text(
        "learning_rate = { low = 1e-4, high = 0.1, log = true }\nhidden = [[8], [16, 16]]\nepochs = 5\n"
        'patience = ["none", 3]\n[optimizer_options]\neps = [1e-8, 1e-7]\n'
    )
    space = Space.of(file, Recipe())
    assert list(space.dimensions) == ["learning_rate", "hidden", "patience", "optimizer_options.eps"]
    assert space.base.epochs == 5
    assert Space.of(space.plain(), space.base) == space


def test_a_range_is_whole_where_the_field_is():
    space = Space.of(
        {"epochs": {"low": 2, "high": 9}, "dropout": {"low": 0, "high": 0.5, "step": 0.1}}, Recipe()
    )
    assert space.dimensions["epochs"] == Range(2, 9, whole=True)
    assert space.dimensions["epochs"].values() == tuple(range(2, 10))
    assert space.dimensions["dropout"].values() == pytest.approx((0, 0.1, 0.2, 0.3, 0.4, 0.5))
    assert space.size() == 48
    assert len(list(space.grid())) == 48


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({}, "is empty"),
        ({"epochs": 5}, "is empty"),
        ({"hidden": [[8]]}, "only one value"),
        ({"hidden": []}, "no values to choose among"),
        ({"lerning_rate": RATE}, "did you mean 'learning_rate'"),
        ({"learning_rate": {"low": 0.1, "high": 0.01}}, "goes from 0.1 to 0.01"),
        ({"weight_decay": {"low": 0, "high": 0.1, "log": True}}, "begins at 0"),
        ({"learning_rate": {"low": 0.01, "high": "a"}}, "give a number"),
        ({"learning_rate": {"low": 0.01, "high": math.nan}}, "give a number"),
        ({"learning_rate": {"low": 0.01}}, "needs low and high"),
        ({"learning_rate": {"low": 0.01, "high": 0.1, "lg": True}}, "needs low and high"),
        ({"learning_rate": {"low": 0.01, "high": 0.1, "log": True, "step": 0.1}}, "both log and step"),
        ({"learning_rate": {"low": 0.01, "high": 0.1, "log": "no"}}, "it should be true or false"),
        ({"dropout": {"low": 0, "high": 0.5, "step": 0}}, "must be above zero"),
        ({"dropout": {"low": 0, "high": 1.5}}, "dropout is 1.5"),
        ({"activation": ["relu", "rellu"]}, "activation is 'rellu'"),
        ({"epochs.more": [1, 2]}, "epochs has no options"),
        ({"seed": [0, 1]}, "a seed of its own"),
        ({"split_seed": [0, 1]}, "cannot be searched"),
        ({"loss": ["mse", "mae"]}, "not comparable"),
        ([("hidden", [1])], "a list is neither"),
        ("missing.toml", "no file missing.toml"),
    ],
)
def test_what_is_wrong_with_a_space_is_said_in_a_sentence(described, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        Space.of(described, Recipe())
    assert words in str(caught.value)
    assert caught.value.text("es") != str(caught.value)


def test_a_file_that_is_no_toml_is_said_to_be_none(tmp_path):
    (tmp_path / "space.toml").write_text("hidden = [")
    with pytest.raises(InputError, match="not valid TOML"):
        Space.of(tmp_path / "space.toml", Recipe())


def test_a_loss_can_be_searched_by_a_metric():
    space = Space.of({"loss": ["mse", "mae"]}, Recipe(monitor="valid_r2"))
    assert space.size() == 2


@given(
    st.floats(1e-6, 1e3),
    st.floats(1e-6, 1e3),
    st.booleans(),
    st.lists(st.lists(st.integers(1, 512), min_size=1, max_size=3), min_size=2, max_size=5, unique_by=tuple),
)
@settings(max_examples=50, deadline=None)
def test_every_space_survives_being_written_down(one, other, log, hidden):
    rate = {"low": min(one, other), "high": max(one, other), "log": log}
    space = Space.of({"learning_rate": rate, "hidden": hidden}, Recipe())
    assert Space.of(space.plain(), Recipe()) == space


@pytest.mark.parametrize("rows", [100, 2000, 100_000])
@pytest.mark.parametrize("model", ["mlp", "linear", "function build"])
def test_there_is_a_default_space_for_every_network_and_size(model, rows):
    space = default_space(Recipe(model=model), rows, fixed=["schedule"])
    assert "learning_rate" in space.dimensions
    assert "schedule" not in space.dimensions
    assert ("hidden" in space.dimensions) == (model == "mlp")
    assert space.base.optimizer == "adamw"
    assert default_space(Recipe(model=model, optimizer="sgd"), rows, ["optimizer"]).base.optimizer == "sgd"
