from __future__ import annotations

import math
import time
from importlib import import_module

import numpy as np
import pytest

import goodfit
from goodfit.recipe import Recipe
from goodfit.workflow import group_training, members, one_network, repeating
from goodfit.workflow.tables import TableOptions, table_parts
from goodfit.workflow.time_left import LEAST, training_ends


def test_what_follows_the_training_is_reckoned_with():
    now = time.perf_counter()
    assert training_ends(60.0, now - 5.0, now) == pytest.approx(now + 50.0)
    assert training_ends(None, now - 5.0, now) == math.inf


def test_some_of_the_budget_is_always_trained():
    now = time.perf_counter()
    assert training_ends(10.0, now - 30.0, now) == pytest.approx(now + 10 * LEAST, abs=1.0)


@pytest.fixture
def reckoned(monkeypatch):
    """What `training_ends` was asked, and what it said: half a second from then."""
    found = []

    def training_ends(budget, begun, *rest):
        found.append((budget, begun, time.perf_counter() + 0.5))
        return found[-1][2]

    for module in (import_module("goodfit.workflow.train"), repeating):
        monkeypatch.setattr(module, "training_ends", training_ends)
    return found


def test_the_whole_call_keeps_to_the_budget(reckoned, monkeypatch):
    ends, run_loop = [], one_network.run_loop

    def watched(*given):
        ends.append(given[-1])
        return run_loop(*given)

    monkeypatch.setattr(one_network, "run_loop", watched)
    rows = np.random.default_rng(0).normal(size=(300, 4))
    table = {f"x{place}": rows[:, place] for place in range(4)} | {"y": rows[:, 0]}
    begun = time.perf_counter() - 1.0
    fields = {"model": "mlp", "time_budget": 4.0, "epochs": 10**6, "patience": None}
    run = goodfit.train(table, target="y", begun=begun, **fields)
    assert run.history.ended_by == "time-budget"
    assert {given[:2] for given in reckoned} == {(4.0, begun)}
    assert ends == pytest.approx([reckoned[-1][2]], abs=0.1)


@pytest.mark.parametrize("several", [{"seeds": 3}, {"folds": 2}])
@pytest.mark.parametrize("apart", [{}, {"accumulate": 2}])
def test_several_trainings_share_the_budget_of_the_whole_call(several, apart, reckoned, monkeypatch):
    ends, train_all = [], group_training.train_all

    def watched(given, shown, ends_at, *kept, **how):
        ends.append(ends_at)
        train_all(given, shown, ends_at, *kept, **how)

    monkeypatch.setattr(repeating, "train_all", watched)
    inputs = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    begun = time.perf_counter() - 4.5
    run = goodfit.train(
        (inputs, inputs[:, 0].copy()),
        task="regression",
        recipe=Recipe(model="mlp", time_budget=5.0, epochs=10**6, patience=None, **apart),
        vitals=False,
        diagnose=False,
        begun=begun,
        **several,
    )
    trained = [each.history for each in run.repeats.trainings]
    assert [history.ended_by for history in trained] == ["time-budget"] * len(trained)
    ((budget, since, end),) = reckoned
    assert (budget, since, ends) == (5.0, begun, [end])


def test_each_group_has_an_equal_share_of_the_time_that_is_left(monkeypatch):
    inputs = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    parts = table_parts((inputs, inputs[:, 0]), None, recipe=Recipe(), options=TableOptions("regression"))
    recipes = [Recipe(model="mlp", hidden=shape) for shape in ((2,), (2, 2))]
    ends = []
    monkeypatch.setattr(group_training, "train_group", lambda *given: ends.append(given[-1]))
    now = time.perf_counter()
    group_training.train_all(members.make_members(recipes, lambda _: parts), ends_at=now + 100.0)
    assert ends == pytest.approx([now + 50.0, now + 100.0], abs=5.0)
