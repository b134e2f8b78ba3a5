from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import goodfit
from goodfit.recipe import Recipe
from goodfit.workflow.choices import completed
from goodfit.workflow.table_defaults import BAGGED, TABLE_DEFAULTS, bagged
from goodfit.workflow.tables import table_parts


def bent(rows: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.abs(x[:, 0]) * np.sign(x[:, 1])})


def decided(rows: int = 300, **fields: object) -> Recipe:
    recipe = Recipe(**fields)
    return completed(recipe, table_parts(bent(rows), "y", recipe=recipe), {}, None)


def test_a_table_of_which_nothing_is_said_gets_tabm_with_its_own_defaults():
    recipe = decided(seed=3)
    assert recipe.model == "tabm"
    assert {name: getattr(recipe, name) for name in TABLE_DEFAULTS["tabm"]} == TABLE_DEFAULTS["tabm"]
    assert recipe.batch_size == 64


@pytest.mark.parametrize("fields", [{"hidden": (64, 64)}, {"epochs": 100}, {"optimizer": "adam"}])
def test_whoever_says_something_of_it_gets_the_multilayer_perceptron_even_if_it_is_the_default(fields):
    recipe = decided(**fields)
    assert recipe.model == "mlp"
    assert recipe == Recipe(model="mlp", device=recipe.device, batch_size=32, loss="mse")


def test_a_table_gets_several_small_networks_where_there_is_time_for_them():
    recipe = decided(seed=3)
    some = table_parts(bent(300), "y", recipe=recipe)
    assert bagged(recipe, some).changes() == {**recipe.changes(), **BAGGED}
    assert bagged(recipe.replace(time_budget=0.01), some).bag == 1
    assert bagged(decided(model="mlp"), some).bag == 1
    more = table_parts(bent(15_000), "y", recipe=recipe)
    assert bagged(recipe, more).bag == 5
    assert bagged(recipe.replace(time_budget=20), more).bag == 1
    many = table_parts(bent(60_000), "y", recipe=recipe)
    assert bagged(recipe, many).bag == 1


def test_too_little_time_for_tabm_means_the_multilayer_perceptron():
    assert decided(time_budget=0.01).model == "mlp"
    assert decided(time_budget=60).model == "tabm"


def test_what_is_said_beside_a_name_stays():
    recipe = decided(model="tabm", epochs=7, learning_rate=0.01)
    assert (recipe.epochs, recipe.learning_rate, recipe.optimizer) == (7, 0.01, "adamw")


def test_the_recipe_of_a_finished_run_trains_the_same_again():
    run = goodfit.train(bent(120), target="y")
    assert run.recipe.model == "tabm"
    again = goodfit.train(bent(120), target="y", recipe=Recipe.from_toml(run.recipe.to_toml()))
    assert again.history["valid_loss"].tolist() == run.history["valid_loss"].tolist()
    assert again.predict(bent(120)).equals(run.predict(bent(120)))
