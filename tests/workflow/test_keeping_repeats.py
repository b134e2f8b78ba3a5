"""Trainings with several seeds or folds that die or are interrupted, and go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goodfit
from goodfit.errors import InputError
from goodfit.workflow import group_training
from goodfit.workflow.kept_networks import KeptNetworks
from spine_for_tests import people

SEVERAL: list[dict[str, Any]] = [
    {"seeds": 3},
    {"seeds": 3, "ensemble": True},
    {"folds": 3},
    {"folds": 3, "ensemble": True},
]
FIELDS: dict[str, Any] = {"model": "mlp", "hidden": (4,), "epochs": 3}
ALONE = {**FIELDS, "accumulate": 2}
"""What is accumulated trains alone: each network is a group of its own."""


class Killed(BaseException):
    pass


@pytest.fixture
def table(tmp_path: Path) -> Path:
    people().write_csv(tmp_path / "people.csv")
    return tmp_path / "people.csv"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members each group has that is really trained."""
    groups: list[int] = []
    train_group = group_training.train_group

    def watched(group: Any, *given: Any) -> None:
        groups.append(len(group))
        train_group(group, *given)

    monkeypatch.setattr(group_training, "train_group", watched)
    return groups


def begin(table: Path, folder: Path, **given: Any) -> goodfit.Run:
    return goodfit.train(table, target="bought", folder=folder, **{**ALONE, **given})


def kill_after(groups: int, patch: pytest.MonkeyPatch, table: Path, folder: Path, **given: Any) -> None:
    """Begin a training, and die once so many groups are kept."""
    keep, kept = KeptNetworks.keep, []

    def dying(self: KeptNetworks, group: Any) -> None:
        keep(self, group)
        kept.append(group)
        if len(kept) == groups:
            raise Killed

    with patch.context() as patched:
        patched.setattr(KeptNetworks, "keep", dying)
        with pytest.raises(Killed):
            begin(table, folder, **given)


def press_ctrl_c(after: float, patch: pytest.MonkeyPatch) -> None:
    """Press it when so many groups have been trained; in the next one where a half is left over."""
    train_group, done = group_training.train_group, []

    def pressing(group: Any, attention: Any, *given: Any) -> None:
        if 0 < after - len(done) < 1:
            attention.interrupt()
        train_group(group, attention, *given)
        done.append(group)
        if len(done) == after:
            attention.interrupt()

    patch.setattr(group_training, "train_group", pressing)


def assert_same(run: goodfit.Run, other: goodfit.Run) -> None:
    assert run.recipe == other.recipe
    assert run.repeats is not None
    assert other.repeats is not None
    assert len(run.repeats.trainings) == len(other.repeats.trainings)
    for one, two in zip(run.repeats.trainings, other.repeats.trainings, strict=True):
        assert (one.number, dict(one.scores), one.findings) == (two.number, dict(two.scores), two.findings)
        np.testing.assert_array_equal(one.history["valid_loss"], two.history["valid_loss"])
    assert run.predict(people()).equals(other.predict(people()))
    for known, expected in zip(
        run.observations.vitals.values.items(), other.observations.vitals.values.items(), strict=True
    ):
        np.testing.assert_array_equal(known[1], expected[1])
    assert [note.code for note in run.notes] == [note.code for note in other.notes]
    assert run.history.ended_by == other.history.ended_by


@pytest.mark.parametrize("several", SEVERAL)
def test_killed_between_two_networks_it_ends_as_if_nothing_had_happened(
    several: dict[str, Any], table: Path, tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(table, tmp_path / "whole", **several)
    all_groups = len(trained)
    kill_after(2, monkeypatch, table, tmp_path / "run", **several)
    trained.clear()
    run = goodfit.train(resume=tmp_path / "run")
    assert len(trained) == all_groups - 2
    assert_same(run, whole)
    assert_same(goodfit.load(tmp_path / "run"), whole)
    assert not (tmp_path / "run" / "checkpoint").exists()
    with pytest.raises(InputError, match="no training to go on with"):
        goodfit.train(resume=tmp_path / "run")


def test_what_trained_as_one_is_not_trained_again_after_it(
    table: Path, tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(table, tmp_path / "whole", seeds=3, accumulate=1)
    kill_after(1, monkeypatch, table, tmp_path / "run", seeds=3, accumulate=1)
    assert trained == [3, 3]
    assert_same(goodfit.train(resume=tmp_path / "run"), whole)
    assert trained == [3, 3]


def test_it_goes_on_in_the_place_of_the_run_that_it_replaces(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = begin(table, tmp_path / "run")
    kill_after(1, monkeypatch, table, tmp_path / "run", seeds=2, force=True)
    assert goodfit.load(tmp_path / "run").repeats is None
    assert goodfit.load(tmp_path / "run").recipe == before.recipe
    run = goodfit.train(resume=tmp_path / "run")
    assert_same(run, begin(table, tmp_path / "whole", seeds=2))


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("ended", [1, 2])
def test_seeds_that_were_trained_before_ctrl_c_are_a_run_and_the_others_are_trained_later(
    ended: int,
    ensemble: bool,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = begin(table, tmp_path / "whole", seeds=4, ensemble=ensemble)
    with monkeypatch.context() as patched:
        press_ctrl_c(ended, patched)
        run = begin(table, tmp_path / "run", seeds=4, ensemble=ensemble)
    assert run.history.ended_by == "interrupted"
    assert run.repeats is not None
    assert len(run.repeats.trainings) == ended
    notes = {note.code: note.values for note in run.notes}
    assert notes["population.note.interrupted"] == {"whole": ended, "all": 4}
    assert notes["population.note.interrupted-left-out"] == {"count": 4 - ended}
    assert "population.note.interrupted-kept" in notes
    assert goodfit.load(tmp_path / "run").history.ended_by == "interrupted"
    assert_same(goodfit.train(resume=tmp_path / "run"), whole)


def test_folds_of_which_some_never_trained_are_no_run(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begin(table, tmp_path / "whole", folds=3)
    with monkeypatch.context() as patched:
        press_ctrl_c(2, patched)
        with pytest.raises(KeyboardInterrupt):
            begin(table, tmp_path / "run", folds=3)
    assert_same(goodfit.train(resume=tmp_path / "run"), whole)


def test_without_a_folder_what_was_trained_before_ctrl_c_is_a_run_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    press_ctrl_c(1.5, monkeypatch)
    run = goodfit.train(people(), target="bought", seeds=4, **ALONE)
    assert run.repeats is not None
    assert [len(each.history) for each in run.repeats.trainings] == [3, 1]
    said = {note.code.removeprefix("population.note."): note.values for note in run.notes}
    assert said["interrupted"] == {"whole": 1, "all": 4}
    assert said["interrupted-left-out"] == {"count": 2}
    assert "interrupted-kept" not in said


def test_other_data_and_other_trainings_are_refused(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_after(1, monkeypatch, table, tmp_path / "run", seeds=2)
    people().head(60).write_csv(tmp_path / "fewer.csv")
    with pytest.raises(InputError, match="not what the training in"):
        goodfit.train(tmp_path / "fewer.csv", resume=tmp_path / "run")
    with pytest.raises(InputError, match="seeds"):
        goodfit.train(resume=tmp_path / "run", seeds=5)
    with pytest.raises(InputError, match="tensorboard"):
        goodfit.train(resume=tmp_path / "run", tensorboard=tmp_path / "events")
    with pytest.raises(InputError, match="hidden"):
        goodfit.train(resume=tmp_path / "run", hidden=(8,))
