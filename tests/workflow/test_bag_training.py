from __future__ import annotations

import time

import numpy as np
import polars as pl

from goodfit.recipe import Recipe
from goodfit.workflow.bag_training import train_others
from goodfit.workflow.bagging import Bag
from goodfit.workflow.choices import completed
from goodfit.workflow.tables import table_parts


def parts_of(rows: int = 90):
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    frame = pl.DataFrame({"x": x, "y": x + 0.1 * rng.normal(size=rows)})
    return table_parts(frame, "y", recipe=Recipe())


def test_each_begins_with_a_seed_of_its_own_and_stops_by_its_own_rows():
    parts = parts_of()
    recipe = completed(Recipe(bag=3, model="mlp", hidden=(4,), epochs=3, seed=7), parts, {}, None)
    others = train_others(parts, recipe, {}, None).others
    assert [one.jobs[0].recipe.seed for one in others] == [8, 9]
    assert [one.jobs[0].recipe.bag for one in others] == [1, 1]
    assert all(len(one.history) == 3 for one in others)
    assert not others[0].parts.valid.content[1].equal(others[1].parts.valid.content[1])


def test_what_is_stacked_is_trained_on_every_division():
    parts = parts_of()
    recipe = completed(
        Recipe(bag=3, stack=("linear", "resnet"), model="mlp", hidden=(4,), epochs=2), parts, {}, None
    )
    bag = train_others(parts, recipe, {}, None)
    assert [job.recipe.model for job in bag.beside] == ["linear", "resnet"]
    for one in bag.others:
        assert [job.recipe.model for job in one.jobs] == ["mlp", "linear", "resnet"]
        sizes = {(job.train.rows, job.valid.rows) for job in one.jobs}
        assert sizes == {(len(one.parts.train.content[1]), len(one.parts.valid.content[1]))}
        assert "train_loss" not in one.history
    seeds = [job.recipe.seed for job in (*bag.beside, *(job for one in bag.others for job in one.jobs))]
    assert len(set(seeds)) == 8


def test_a_time_budget_is_shared():
    parts = parts_of()
    recipe = completed(
        Recipe(bag=3, model="mlp", hidden=(4,), epochs=10**6, patience=None, time_budget=0.3), parts, {}, None
    )
    others = train_others(parts, recipe, {}, None).others
    assert [one.history.ended_by for one in others] == ["time-budget"] * 2
    assert all(0.09 < one.jobs[0].recipe.time_budget <= 0.15 for one in others)


def test_a_single_network_has_no_others():
    parts = parts_of()
    assert train_others(parts, completed(Recipe(model="mlp"), parts, {}, None), {}, None) == Bag()


def test_the_time_that_is_left_is_shared_too():
    parts = parts_of()
    fields = {"model": "mlp", "hidden": (4,), "epochs": 10**6, "patience": None, "time_budget": 3.0}
    recipe = completed(Recipe(bag=3, **fields), parts, {}, None)
    others = train_others(parts, recipe, {}, None, ends_at=time.perf_counter() + 0.6).others
    assert [one.history.ended_by for one in others] == ["time-budget"] * 2
    assert all(0.15 < one.jobs[0].recipe.time_budget <= 0.3 for one in others)
    assert all(float(one.history["seconds"][-1]) < 0.6 for one in others)
