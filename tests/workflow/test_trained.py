"""Ctrl-C and kill at any network of a bag, and going on: what had been trained is not trained again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
import pytest

import goodfit
from goodfit.messages import Message
from goodfit.training.job import Job
from goodfit.workflow import group_training, one_network
from goodfit.workflow.kept_networks import KeptNetworks
from goodfit.workflow.members import Member
from goodfit.workflow.table_defaults import BAGGED, TABLE_DEFAULTS
from goodfit.workflow.trained import LINEAR

STACKED = {"model": "mlp", "hidden": (8,), "bag": 3, "stack": ("linear",), "epochs": 4, "learning_rate": 0.01}


class Killed(BaseException):
    """What stands for the end of the process."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language: "")
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    for name, value in {"epochs": 8, "members": 2, "hidden": (16,)}.items():
        monkeypatch.setitem(TABLE_DEFAULTS["tabm"], name, value)
    monkeypatch.setitem(BAGGED, "members", 2)
    monkeypatch.setitem(BAGGED, "bag", 3)


def write_table(folder: Path, *, bent: bool = True, rows: int = 160) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    y = (np.abs(x[:, 0]) * 3 if bent else x @ [1.0, -2.0]) + rng.normal(0, 0.2, rows)
    path = folder / "table.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}).write_csv(path)
    return path


class Watched:
    """Counts the groups of networks that are trained, and stops at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs: list[Job] = []
        self.at: Mapping[int, Callable[[], None]] = {}
        train_group = group_training.train_group

        def training(group: Sequence[Member], *arguments: Any) -> None:
            self.jobs.append(group[0].job)
            self.at.get(self.groups, lambda: None)()
            train_group(group, *arguments)

        monkeypatch.setattr(group_training, "train_group", training)

    @property
    def groups(self) -> int:
        return len(self.jobs)

    def begin(self, at: Mapping[int, Callable[[], None]] = MappingProxyType({})) -> None:
        self.jobs.clear()
        self.at = at


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def kill() -> None:
    raise Killed


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("fields", [STACKED, {}], ids=["said", "default"])
def test_it_goes_on_with_the_networks_that_are_missing(tmp_path, watched, fields):
    table, run = write_table(tmp_path), tmp_path / "run"
    goodfit.train(table, target="y", folder=tmp_path / "whole", **fields)
    groups = watched.groups
    assert groups >= 2
    watched.begin({2: interrupt})
    stopped = goodfit.train(table, target="y", folder=run, **fields)
    assert stopped.history.ended_by == "interrupted"
    assert stopped.recipe.networks == 1
    assert (run / "checkpoint" / "bag").is_dir()
    assert goodfit.load(run).predict(table).equals(stopped.predict(table))
    watched.begin({1: kill})
    with pytest.raises(Killed):
        goodfit.train(resume=run)
    watched.begin()
    ended = goodfit.train(resume=run)
    assert watched.groups == groups - 1
    assert ended.history.ended_by != "interrupted"
    assert weights(run) == weights(tmp_path / "whole")
    assert not (run / "checkpoint" / "bag").exists()
    whole = goodfit.load(tmp_path / "whole")
    assert ended.recipe == whole.recipe
    assert [note.code for note in ended.notes] == [note.code for note in whole.notes]
    assert [len(history) for history in ended.repeats.histories] == [
        len(history) for history in whole.repeats.histories
    ]


def test_what_was_interrupted_says_how_many_networks_it_has(tmp_path, watched):
    table = write_table(tmp_path)
    watched.at = {2: interrupt}
    run = goodfit.train(table, target="y", folder=tmp_path / "run", **STACKED)
    (note,) = [note for note in run.notes if "interrupted" in note.code]
    trained = {"networks": 6, "trained": 3}
    assert (note.code, note.values) == ("training.note.interrupted", trained)
    watched.jobs.clear()
    run = goodfit.train(table, target="y", **STACKED)
    (note,) = [note for note in run.notes if "interrupted" in note.code]
    assert (note.code, note.values) == ("training.note.interrupted-unsaved", trained)
    assert not run.recipe.stack
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "table.csv"]


@pytest.mark.parametrize("stop", [interrupt, kill])
def test_at_the_ordinary_network_the_others_are_not_begun(tmp_path, watched, monkeypatch, stop):
    table, run = write_table(tmp_path), tmp_path / "run"
    goodfit.train(table, target="y", folder=tmp_path / "whole", **STACKED)
    groups = watched.groups
    watched.begin()
    epoch = one_network.Progress.epoch

    def stopping(self: one_network.Progress, row: dict[str, float]) -> None:
        epoch(self, row)
        if row["epoch"] == 2:
            stop()

    with monkeypatch.context() as patched:
        patched.setattr(one_network.Progress, "epoch", stopping)
        try:
            stopped = goodfit.train(table, target="y", folder=run, **STACKED)
        except Killed:
            pass
        else:
            assert [note.values["trained"] for note in stopped.notes if "interrupted" in note.code] == [0]
    assert watched.groups == 0
    goodfit.train(resume=run)
    assert watched.groups == groups
    assert weights(run) == weights(tmp_path / "whole")


@pytest.mark.parametrize("place", [0, 1, "linear"])
def test_linear_models_that_serve_are_found_by_what_goes_on_too(tmp_path, watched, place):
    table, run = write_table(tmp_path, bent=False), tmp_path / "run"
    whole = goodfit.train(table, target="y", folder=tmp_path / "whole")
    assert (whole.recipe.model, whole.recipe.bag) == ("linear", 3)
    kinds = [job.recipe.model for job in watched.jobs]
    done = kinds.index("linear") if place == "linear" else place
    watched.begin({done + 1: kill})
    with pytest.raises(Killed):
        goodfit.train(table, target="y", folder=run)
    with pytest.raises(goodfit.InputError, match="--resume"):
        goodfit.load(run)
    watched.begin()
    ended = goodfit.train(resume=run)
    assert [job.recipe.model for job in watched.jobs] == kinds[done:]
    assert weights(run) == weights(tmp_path / "whole")
    assert (ended.recipe, ended.notes) == (whole.recipe, whole.notes)
    assert not (run / "checkpoint" / "bag").exists()


def test_killed_in_the_first_linear_model_it_goes_on_with_that(tmp_path, watched, monkeypatch):
    table, run = write_table(tmp_path, bent=False), tmp_path / "run"
    whole = goodfit.train(table, target="y", folder=tmp_path / "whole")
    run_loop = one_network.run_loop

    def killed(job: Any, *arguments: Any) -> Any:
        if job.recipe.model == "linear":
            raise Killed
        return run_loop(job, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(one_network, "run_loop", killed)
        with pytest.raises(Killed):
            goodfit.train(table, target="y", folder=run)
    watched.jobs.clear()
    ended = goodfit.train(resume=run)
    assert {job.recipe.model for job in watched.jobs} == {"linear"}
    assert weights(run) == weights(tmp_path / "whole")
    assert (ended.recipe, ended.notes) == (whole.recipe, whole.notes)


def test_ctrl_c_while_the_last_network_is_kept_is_heeded(tmp_path, watched, monkeypatch):
    table, run = write_table(tmp_path, bent=False), tmp_path / "run"
    goodfit.train(table, target="y", folder=tmp_path / "whole")
    networks = [job.recipe.model for job in watched.jobs].index("linear")
    watched.begin()
    keep = KeptNetworks.keep

    def keeping(self: KeptNetworks, group: Sequence[Member]) -> None:
        if watched.groups == networks:
            interrupt()
        keep(self, group)

    with monkeypatch.context() as patched:
        patched.setattr(KeptNetworks, "keep", keeping)
        stopped = goodfit.train(table, target="y", folder=run)
    assert stopped.history.ended_by == "interrupted"
    assert {job.recipe.model for job in watched.jobs} == {"tabm", "mlp"}
    watched.begin()
    goodfit.train(resume=run)
    assert {job.recipe.model for job in watched.jobs} == {"linear"}
    assert weights(run) == weights(tmp_path / "whole")


def test_a_time_budget_is_shared_by_all_networks_and_the_linear_ones_after_them(tmp_path, monkeypatch):
    budget = 1000.0
    given: list[tuple[str, float]] = []
    asked: list[float] = []
    run_loop, train_group = one_network.run_loop, group_training.train_group

    def ordinary(job: Job, *arguments: Any) -> Any:
        given.append((job.recipe.model, arguments[-1] - time.perf_counter()))
        return run_loop(job, *arguments)

    def others(group: Sequence[Member], attention: Any, drop: Any, ends_at: float) -> None:
        given.append((group[0].job.recipe.model, ends_at - time.perf_counter()))
        train_group(group, attention, drop, ends_at)

    def ends(*_: object) -> float:
        asked.append(time.perf_counter() + budget)
        return asked[-1]

    monkeypatch.setattr(one_network, "run_loop", ordinary)
    monkeypatch.setattr(group_training, "train_group", others)
    monkeypatch.setattr("goodfit.workflow.train.training_ends", ends)
    goodfit.train(write_table(tmp_path, bent=False), target="y", time_budget=budget)
    assert len(asked) == 1
    linear = sum(model == "linear" for model, _ in given)
    networks = len(given) - linear
    assert min(networks, linear) > 1
    shares = [*(left + LINEAR for left in range(networks, 0, -1)), *range(linear, 0, -1)]
    assert all(seconds <= budget / left for (_, seconds), left in zip(given, shares, strict=True))


def test_who_says_how_it_is_trained_gets_the_networks(tmp_path, watched):
    table, run = write_table(tmp_path, bent=False), tmp_path / "run"
    watched.at = {2: interrupt}
    goodfit.train(table, target="y", folder=run)
    assert goodfit.train(resume=run, epochs=9).recipe.model == "tabm"


def test_a_whole_run_is_not_replaced_by_the_first_of_more_networks(tmp_path, watched):
    table, run = write_table(tmp_path), tmp_path / "run"
    before = goodfit.train(table, target="y", folder=run, **STACKED)
    whole = goodfit.train(table, target="y", folder=tmp_path / "whole", **{**STACKED, "epochs": 6})
    watched.begin({2: interrupt})
    stopped = goodfit.train(resume=run, epochs=6)
    assert [note.code for note in stopped.notes if "interrupted" in note.code] == [
        "training.note.interrupted",
        "training.note.interrupted-run-stays",
    ]
    assert stopped.folder is None
    assert goodfit.load(run).predict(table).equals(before.predict(table))
    watched.begin()
    goodfit.train(resume=run)
    assert watched.groups == 2
    assert weights(run) == weights(tmp_path / "whole")
    assert whole.history.ended_by == goodfit.load(run).history.ended_by


@pytest.mark.parametrize(("fields", "bent"), [(STACKED, True), ({}, True), ({}, False)])
def test_a_whole_run_is_left_as_it_is(tmp_path, watched, fields, bent):
    table, run = write_table(tmp_path, bent=bent), tmp_path / "run"
    before = goodfit.train(table, target="y", folder=run, **fields)
    files = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.rglob("*") if path.is_file()}
    watched.begin()
    again = goodfit.train(resume=run)
    assert watched.groups == 0
    assert again.notes[-1] == Message("training.note.nothing-left", {"count": len(before.history)})
    assert again.notes[:-1] == before.notes
    assert again.predict(table).equals(before.predict(table))
    left = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.rglob("*") if path.is_file()}
    assert left == files
    (tmp_path / "other").mkdir()
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(write_table(tmp_path / "other", rows=161), resume=run)
    assert error.value.code == "resume.other-data"


def test_other_data_are_refused_and_nothing_is_lost(tmp_path, watched):
    table, run = write_table(tmp_path), tmp_path / "run"
    watched.at = {2: kill}
    with pytest.raises(Killed):
        goodfit.train(table, target="y", folder=run, **STACKED)
    (tmp_path / "other").mkdir()
    other = write_table(tmp_path / "other", rows=161)
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(other, resume=run)
    assert error.value.code == "resume.other-data"
    watched.begin()
    goodfit.train(resume=run)
    assert watched.groups == 2


def test_a_training_that_replaces_a_run_keeps_its_networks_apart(tmp_path, watched):
    table, run = write_table(tmp_path), tmp_path / "run"
    before = goodfit.train(table, target="y", folder=run, **{**STACKED, "seed": 5})
    whole = goodfit.train(table, target="y", folder=tmp_path / "whole", **STACKED)
    watched.begin({2: kill})
    with pytest.raises(Killed):
        goodfit.train(table, target="y", folder=run, force=True, **STACKED)
    assert goodfit.load(run).predict(table).equals(before.predict(table))
    assert goodfit.train(resume=run).predict(table).equals(whole.predict(table))
    assert watched.groups == 4
    assert not (run / ".new").exists()
    assert not (run / "checkpoint" / "bag").exists()


def test_a_new_training_in_a_folder_that_was_left_takes_nothing_from_it(tmp_path, watched):
    table, run = write_table(tmp_path), tmp_path / "run"
    watched.at = {2: kill}
    with pytest.raises(Killed):
        goodfit.train(table, target="y", folder=run, **STACKED)
    watched.begin({1: kill})
    with pytest.raises(Killed):
        goodfit.train(table, target="y", folder=run, force=True, **STACKED)
    assert not (run / "checkpoint" / "bag").exists()


def test_what_cannot_be_trained_beside_leaves_no_folder(tmp_path):
    table = write_table(tmp_path)
    with pytest.raises(goodfit.InputError):
        goodfit.train(table, target="y", folder=tmp_path / "run", **{**STACKED, "stack": ("liner",)})
    assert not (tmp_path / "run").exists()
