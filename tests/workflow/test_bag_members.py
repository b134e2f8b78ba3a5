from __future__ import annotations

import math
import time

import numpy as np
import polars as pl

from goodfit.recipe import Recipe
from goodfit.workflow.bag_members import bag_of, make_others
from goodfit.workflow.bagging import Bag
from goodfit.workflow.choices import completed
from goodfit.workflow.group_training import train_groups
from goodfit.workflow.members import group_members
from goodfit.workflow.parts import Parts
from goodfit.workflow.tables import table_parts


def parts_of(rows: int = 90) -> Parts:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    frame = pl.DataFrame({"x": x, "y": x + 0.1 * rng.normal(size=rows)})
    return table_parts(frame, "y", recipe=Recipe())


def bag(parts: Parts, ends_at: float = math.inf, **fields: object) -> Bag:
    recipe = completed(Recipe(model="mlp", hidden=(4,), **fields), parts, {}, None)
    members = make_others(parts, recipe, {}, None)
    groups = group_members(members)
    assert train_groups(groups, ends_at) == (len(groups), False)
    return bag_of(recipe, members)


def test_each_begins_with_a_seed_of_its_own_and_stops_by_its_own_rows():
    others = bag(parts_of(), bag=3, epochs=3, seed=7).others
    assert [one.jobs[0].recipe.seed for one in others] == [8, 9]
    assert [one.jobs[0].recipe.bag for one in others] == [1, 1]
    assert all(len(one.history) == 3 for one in others)
    assert not others[0].parts.valid.content[1].equal(others[1].parts.valid.content[1])


def test_what_is_stacked_is_trained_on_every_division():
    whole = bag(parts_of(), bag=3, stack=("linear", "resnet"), epochs=2)
    assert [job.recipe.model for job in whole.beside] == ["linear", "resnet"]
    for one in whole.others:
        assert [job.recipe.model for job in one.jobs] == ["mlp", "linear", "resnet"]
        sizes = {(job.train.rows, job.valid.rows) for job in one.jobs}
        assert sizes == {(len(one.parts.train.content[1]), len(one.parts.valid.content[1]))}
        assert "train_loss" not in one.history
    seeds = [job.recipe.seed for job in (*whole.beside, *(job for one in whole.others for job in one.jobs))]
    assert len(set(seeds)) == 8


def test_each_is_ended_when_its_time_is_over():
    fields = {"bag": 3, "stack": ("linear",), "epochs": 10**6, "patience": None, "time_budget": 9.0}
    whole = bag(parts_of(), time.perf_counter() + 0.3, **fields)
    assert [one.history.ended_by for one in whole.others] == ["time-budget"] * 2


def test_a_single_network_has_no_others():
    assert bag(parts_of()) == Bag()
