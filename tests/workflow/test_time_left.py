from __future__ import annotations

import math
import time

import numpy as np
import pytest

import goodfit
from goodfit.recipe import Recipe
from goodfit.workflow import members
from goodfit.workflow.tables import TableOptions, table_parts
from goodfit.workflow.time_left import LEAST, training_ends


def test_what_follows_the_training_is_reckoned_with():
    now = time.perf_counter()
    assert training_ends(60.0, now - 5.0, now) == pytest.approx(now + 50.0)
    assert training_ends(None, now - 5.0, now) == math.inf


def test_some_of_the_budget_is_always_trained():
    now = time.perf_counter()
    assert training_ends(10.0, now - 30.0, now) == pytest.approx(now + 10 * LEAST, abs=1.0)


def test_the_whole_call_keeps_to_the_budget(tmp_path):
    random = np.random.default_rng(0)
    rows = random.normal(size=(3000, 4))
    table = {f"x{place}": rows[:, place] for place in range(4)} | {"y": rows[:, 0] + random.normal(size=3000)}
    begun = time.perf_counter()
    run = goodfit.train(table, target="y", time_budget=4.0, epochs=10**6, patience=None, begun=begun - 1.0)
    assert run.history.ended_by == "time-budget"
    assert run.history["seconds"][-1] < 3.0


@pytest.mark.parametrize("several", [{"seeds": 3}, {"folds": 2}])
@pytest.mark.parametrize("apart", [{}, {"accumulate": 2}])
def test_several_trainings_share_the_budget_of_the_whole_call(several, apart):
    random = np.random.default_rng(0)
    inputs = random.normal(size=(3000, 4)).astype(np.float32)
    run = goodfit.train(
        (inputs, inputs[:, 0].copy()),
        task="regression",
        recipe=Recipe(model="mlp", time_budget=5.0, epochs=10**6, patience=None, **apart),
        vitals=False,
        diagnose=False,
        begun=time.perf_counter() - 4.5,
        **several,
    )
    trained = [each.history for each in run.repeats.trainings]
    assert [history.ended_by for history in trained] == ["time-budget"] * len(trained)
    assert sum(history["seconds"][-1] for history in trained) < 4.0


def test_each_group_has_an_equal_share_of_the_time_that_is_left(monkeypatch):
    inputs = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    parts = table_parts((inputs, inputs[:, 0]), None, recipe=Recipe(), options=TableOptions("regression"))
    recipes = [Recipe(model="mlp", hidden=(width,)) for width in (2, 3)]
    ends = []
    monkeypatch.setattr(members, "train_group", lambda *given: ends.append(given[-1]))
    now = time.perf_counter()
    members.train_all(members.make_members(recipes, lambda _: parts), ends_at=now + 100.0)
    assert ends == pytest.approx([now + 50.0, now + 100.0], abs=5.0)
