from __future__ import annotations

import math
import signal
import time
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.training.population.member_ends import Drop
from goodfit.workflow import bag_training, time_left
from goodfit.workflow.bag_training import bag_of, make_others, train_others
from goodfit.workflow.bagging import Bag
from goodfit.workflow.choices import completed
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.members import Member, group_members
from goodfit.workflow.parts import Parts
from goodfit.workflow.population_progress import PopulationProgress
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
    assert train_others(groups, ends_at) == (len(groups), False)
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


def groups_of(**fields: object) -> list[list[Member]]:
    parts = parts_of()
    recipe = completed(Recipe(model="mlp", hidden=(4,), **fields), parts, {}, None)
    return group_members(make_others(parts, recipe, {}, None))


def test_each_is_ended_when_its_time_is_over():
    fields = {"bag": 3, "stack": ("linear",), "epochs": 10**6, "patience": None, "time_budget": 9.0}
    whole = bag(parts_of(), time.perf_counter() + 0.3, **fields)
    assert [one.history.ended_by for one in whole.others] == ["time-budget"] * 2


@pytest.mark.parametrize("later", [0.0, 0.1])
def test_the_time_that_is_left_is_shared_also_with_what_comes_later(monkeypatch, later):
    given: list[float] = []

    def training(group: Sequence[Member], attention: Attention, drop: Drop | None, ends_at: float) -> None:
        given.append(ends_at)

    monkeypatch.setattr(bag_training, "train_group", training)
    monkeypatch.setattr(time_left, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    groups = groups_of(bag=3, stack=("linear",))
    train_others(groups, 60.0, later=later)
    assert given == pytest.approx([60.0 / (left + later) for left in range(len(groups), 0, -1)])


def test_the_display_counts_anew_each_time():
    shown = PopulationProgress()
    for networks in (("linear",), ()):
        groups = groups_of(bag=3, stack=networks, epochs=1)
        train_others(groups, math.inf, shown=shown)
        members = [len(group) for group in groups]
        assert f"{sum(members)} trainings, {sum(members[:-1])} ended" in shown.lines()[0]


def test_ctrl_c_while_the_last_are_kept_is_told(tmp_path):
    class Interrupted(KeptNetworks):
        def keep(self, group: Sequence[Member]) -> None:
            signal.raise_signal(signal.SIGINT)
            super().keep(group)

    last = groups_of(bag=3, epochs=1)[-1:]
    assert train_others(last, math.inf, Interrupted(tmp_path)) == (1, True)
    assert KeptNetworks(tmp_path).take(last[0])


def test_a_single_network_has_no_others():
    assert bag(parts_of()) == Bag()
