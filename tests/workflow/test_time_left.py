from __future__ import annotations

import math
import time

import numpy as np
import pytest

import goodfit
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
