"""Trainings side by side in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import goodfit
from goodfit.cores import cores
from goodfit.improvement.search import Search
from goodfit.improvement.tuning import Tuning
from goodfit.improvement.workers import can_fork
from goodfit.workflow.members import train_group

pytestmark = pytest.mark.skipif(not can_fork(), reason="processes cannot be copied here")
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(160, 4)).astype(np.float32)
LABELS = (INPUTS[:, 0] * INPUTS[:, 1] + 0.3 * INPUTS[:, 2] > 0).astype(np.int64)
SPACE = {"learning_rate": {"low": 1e-3, "high": 0.1, "log": True}, "hidden": [[4], [8]]}


def search(**given: object) -> Tuning:
    wanted = {"space": SPACE, "trials": 16, "epochs": 9, "seeds": 1, "task": "binary", "workers": 2, **given}
    return goodfit.tune((INPUTS, LABELS), **wanted)


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def only_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing train in this process."""
    home = os.getpid()

    def elsewhere(*given: object) -> None:
        assert os.getpid() != home
        train_group(*given)

    monkeypatch.setattr("goodfit.improvement.workers.train_group", elsewhere)


def test_trials_of_several_workers_are_kept_dropped_and_as_many_as_asked_for():
    tuning = search()
    assert len(tuning.trials) == 16
    assert {trial.state for trial in tuning.trials} == {"finished", "dropped"}
    for trial in tuning.trials:
        assert min(trial.curve["valid_loss"]) == trial.value


def test_the_best_comes_back_with_its_weights_and_trains_the_same_alone():
    tuning = search()
    again = goodfit.train((INPUTS, LABELS), recipe=tuning.recipe, task="binary")
    np.testing.assert_allclose(tuning.run.history["valid_loss"], again.history["valid_loss"], rtol=1e-4)
    np.testing.assert_allclose(tuning.run.predict(INPUTS), again.predict(INPUTS), rtol=1e-3, atol=1e-5)


def test_a_grid_is_tried_whole():
    space = {"hidden": [[4], [8]], "schedule": ["constant", "cosine"], "learning_rate": [0.01, 0.02, 0.04]}
    tuning = search(space=space, sampler="grid", trials=None)
    assert len({repr(trial.values) for trial in tuning.trials}) == len(tuning.trials) == 12


def test_finals_side_by_side_end_as_those_in_one_process(monkeypatch):
    given = {"space": {"hidden": [[4], [8]], "learning_rate": [0.01, 0.02]}, "sampler": "grid"}
    given |= {"trials": None, "halving": None, "seeds": 3}
    alone = search(workers=1, **given)
    only_elsewhere(monkeypatch)
    tuning = search(**given)
    assert len(tuning.finalists) == len(alone.finalists) > 2
    for mine, theirs in zip(tuning.finalists, alone.finalists, strict=True):
        assert mine.recipe == theirs.recipe
        np.testing.assert_allclose(mine.values, theirs.values, rtol=1e-4)
        assert mine.chance == pytest.approx(theirs.chance, abs=0.02)
    assert tuning.recipe == alone.recipe
    np.testing.assert_allclose(tuning.run.predict(INPUTS), alone.run.predict(INPUTS), rtol=1e-3, atol=1e-5)
    here, there = tuning.run.observations.vitals, alone.run.observations.vitals
    assert here is not None
    assert there is not None
    np.testing.assert_allclose(here.values["weight_norm"], there.values["weight_norm"], rtol=1e-3)
    assert [finding.code for finding in tuning.run.findings] == [f.code for f in alone.run.findings]


def test_parameters_that_no_gradient_reached_are_known_of_finals_side_by_side(monkeypatch):
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.last(self.first(inputs).detach())

    space = {"learning_rate": [0.01, 0.02]}
    given = {"space": space, "sampler": "grid", "trials": None, "model": Detached, "loss": "cross_entropy"}
    given |= {"task": None, "accumulate": 2, "seeds": 2, "epochs": 3}
    alone = search(workers=1, **given)
    only_elsewhere(monkeypatch)
    tuning = search(**given)
    assert tuning.run.observations.parameters == alone.run.observations.parameters
    assert [each.has_gradient for each in tuning.run.observations.parameters] == [False, False, True, True]


def test_what_a_worker_that_dies_had_is_trained_all_the_same():
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.home = nn.Linear(4, 2), os.getpid()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if os.getpid() != self.home:
                os._exit(3)
            return self.layer(inputs)

    space = {"learning_rate": [0.01, 0.02, 0.03]}
    tuning = search(space=space, sampler="grid", trials=None, model=Fragile, loss="cross_entropy", task=None)
    assert [trial.state == "failed" for trial in tuning.trials] == [False] * 3


def test_time_ends_all_workers():
    tuning = search(trials=None, time_budget=2.0, epochs=100_000, patience=None, halving=None)
    assert {trial.state for trial in tuning.trials} == {"cut"}
    assert not children(os.getpid())


def test_an_end_for_time_that_was_taken_back_ends_nothing_more(monkeypatch):
    def over(state: Search) -> bool:  # once there is a trial there is no time for finals any more
        return not state.study.trials and len(multiprocessing.active_children()) == 2

    monkeypatch.setattr(Search, "over", over)
    only_elsewhere(monkeypatch)
    tuning = search(trials=4, epochs=800, patience=None, halving=None, time_budget=60.0)
    assert sorted(trial.state for trial in tuning.trials) == ["cut", "cut", "finished", "finished"]


def test_weights_come_back_that_are_no_arrays_of_numpy(monkeypatch):
    class Unusual(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 2, dtype=torch.bfloat16)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return super().forward(inputs.bfloat16()).float()

        def get_extra_state(self) -> str:
            return "mine"

        def set_extra_state(self, state: str) -> None:
            assert state == "mine"

    only_elsewhere(monkeypatch)
    space = {"learning_rate": [0.01, 0.02, 0.03]}
    tuning = search(space=space, sampler="grid", trials=None, model=Unusual, loss="cross_entropy", task=None)
    assert tuning.run.model.weight.dtype == torch.bfloat16
    assert len(tuning.trials) == 3


def test_a_worker_of_a_pool_has_no_workers():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert not pool.apply(can_fork)


def test_a_search_by_time_has_a_worker_for_each_core(monkeypatch):
    asked = []

    def counted() -> int:
        asked.append(cores())
        return 1

    monkeypatch.setattr("goodfit.improvement.workers.cores", counted)
    search(workers=None, time_budget=60.0, trials=2)
    search(workers=None, trials=2)
    search(time_budget=60.0, trials=2)
    assert len(asked) == 1


PROGRAM = """
import numpy as np, goodfit
rng = np.random.default_rng(0)
data = rng.normal(size=(160, 4)).astype(np.float32), rng.integers(0, 2, 160)
space = {"learning_rate": {"low": 1e-3, "high": 0.1, "log": True}}
long = {"epochs": 10**6, "patience": None, "halving": None, "hidden": (8,), "task": "binary", "seeds": 1}
tuning = goodfit.tune(data, space=space, trials=64, workers=2, **long)
print(tuning.ended_by, len(tuning.trials), {trial.state for trial in tuning.trials})
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_keeps_what_was_tried_and_no_process_outlives_a_killed_one(how):
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(workers := children(running.pid)) < 2:
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.5)
    if how == signal.SIGINT:
        os.killpg(running.pid, how)  # as a terminal does
        output, errors = running.communicate()
        assert errors == ""
        assert output.startswith("interrupted")
        assert output.endswith("{'cut'}\n")
    else:
        os.kill(running.pid, how)
        running.communicate()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
