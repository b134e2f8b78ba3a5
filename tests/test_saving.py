from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import goodfit
from goodfit.errors import InputError, MachineError
from goodfit.saving import (
    FILES,
    STAGE,
    begin_folder,
    check_folder,
    is_finished,
    is_run,
    save_run,
    training_place,
)
from spine_for_tests import classes_run, content, numbers_run

OPEN_FORMATS = {".parquet", ".toml", ".json", ".csv", ".safetensors", ".html"}


@pytest.fixture(autouse=True)
def _quick_report(monkeypatch):
    """A report is drawn once here, not for each of the many times that a run is saved."""
    monkeypatch.setattr("goodfit.run_report.report_html", lambda run, language="en": f"<p>{run.name}</p>")


def of_classes(folder: Path) -> bool:
    """Say whether the run in a folder is the one on classes; it must be whole."""
    run = goodfit.load(folder)
    row = {"age": [30.0], "income": [1.0], "city": ["Lima"], "member": [True], "joined": ["2024-01-01"]}
    assert (folder / "report.html").exists()
    return "p_yes" in run.predict({**row, "bought": ["yes"]}).columns


def test_a_run_folder_holds_open_formats_only(tmp_path):
    folder = classes_run().save(tmp_path / "run")
    names = {path.name for path in folder.iterdir()}
    assert names <= set(FILES)
    assert {Path(name).suffix for name in names} <= OPEN_FORMATS
    for name in names:
        data = (folder / name).read_bytes()
        if name.endswith(".json"):
            json.loads(data)
        if not name.endswith((".safetensors", ".parquet")):
            data.decode("utf-8")
    assert b"pickle" not in (folder / "model.safetensors").read_bytes()


def test_a_run_that_is_there_is_never_replaced_without_force(tmp_path):
    folder = classes_run().save(tmp_path / "run")
    before = content(folder)
    with pytest.raises(InputError, match="is not empty; choose another folder"):
        numbers_run().save(folder)
    assert content(folder) == before
    numbers_run().save(folder, force=True)
    assert not of_classes(folder)


def test_what_the_user_put_into_the_folder_stays(tmp_path):
    folder = classes_run().save(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    numbers_run().save(folder, force=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_nothing_of_the_old_run_is_left_in_the_new(tmp_path):
    folder = classes_run().save(tmp_path / "run")
    (folder / "checkpoint").mkdir()
    (folder / "vitals.csv").write_text("of the old run")
    names = set(content(numbers_run().save(tmp_path / "fresh")))
    numbers_run().save(folder, force=True)
    assert set(content(folder)) == names
    assert not (folder / "checkpoint").exists()


def test_a_loaded_run_may_be_saved_where_it_lies(tmp_path):
    folder = classes_run().save(tmp_path / "run")
    (folder / "checkpoint").mkdir()
    before = content(folder)
    goodfit.load(folder).save(folder)
    assert content(folder) == before
    assert (folder / "checkpoint").is_dir()


def test_the_folder_may_be_where_one_is(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    classes_run().save(".")
    assert of_classes(Path())
    numbers_run().save(".", force=True)
    assert not of_classes(Path())
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_cannot_hold_a_run_is_refused(tmp_path, force):
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("x")
    before = content(tmp_path)
    with pytest.raises(InputError, match="is a file; a run needs a folder"):
        check_folder(tmp_path / "file", force=force)
    with pytest.raises(InputError, match="cannot be written"):
        check_folder(tmp_path / "file" / "run", force=force)
    with pytest.raises(InputError, match="cannot be written"):
        check_folder(tmp_path / ("x" * 400), force=force)
    with pytest.raises(InputError, match="something else than a run" if force else "is not empty"):
        check_folder(tmp_path / "other", force=force)
    assert content(tmp_path) == before


def test_a_folder_whose_parent_may_not_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"):
        check_folder(tmp_path / "a" / "b", force=False)


def test_a_training_that_replaces_a_run_begins_beside_it(tmp_path):
    folder = tmp_path / "run"
    begin_folder(folder, force=False)
    assert folder.is_dir()
    assert training_place(folder) == folder
    classes_run().save(folder)
    with pytest.raises(InputError, match="is not empty"):
        begin_folder(folder, force=False)
    before = content(folder)
    begin_folder(folder, force=True)
    assert training_place(folder) == folder / STAGE
    assert (folder / STAGE).is_dir()
    assert content(folder) == before


class Failing:
    """Counts the calls of what writes, and makes one of them fail for want of room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.at, self.for_ever = 0, -1, False
        for name in ("fsync", "replace", "rename", "mkdir"):
            real = getattr(os, name)
            monkeypatch.setattr(os, name, self.counted(real))

    def counted(self, real):
        def call(*arguments, **options):
            self.calls += 1
            if self.calls == self.at or (self.for_ever and self.calls > self.at > 0):
                raise OSError(28, "No space left on device")
            return None if real.__name__ == "fsync" else real(*arguments, **options)

        return call


@pytest.mark.parametrize("for_ever", [False, True])
def test_a_full_disk_at_any_moment_leaves_the_old_run_or_the_new_one(tmp_path, monkeypatch, for_ever):
    old = classes_run().save(tmp_path / "old")
    failing = Failing(monkeypatch)
    failing.for_ever = for_ever
    shutil.copytree(old, tmp_path / "count")
    failing.calls = 0
    numbers_run().save(tmp_path / "count", force=True)
    writes = failing.calls
    assert writes > 20
    outcomes = set()
    for number in range(1, writes + 1):
        folder = tmp_path / f"run{number}"
        failing.at = -1
        shutil.copytree(old, folder)
        failing.calls, failing.at = 0, number
        said = None
        try:
            numbers_run().save(folder, force=True)
        except MachineError as error:
            said = str(error)
        if said is not None:
            assert str(folder) in said
            assert "No space left on device" in said
        failing.calls, failing.at = 0, -1
        outcomes.add(of_classes(folder))
        assert not (folder / STAGE).exists()
        shutil.rmtree(folder)
    assert outcomes == {True, False}


def test_a_process_killed_at_any_moment_leaves_the_old_run_or_the_new_one(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    old = classes_run().save(tmp_path / "old")
    counted = {"calls": 0, "at": -1}
    for name in ("replace", "unlink"):
        real = getattr(Path, name)

        def call(*arguments, real=real, **options):
            counted["calls"] += 1
            if counted["calls"] == counted["at"]:
                raise Killed
            return real(*arguments, **options)

        monkeypatch.setattr(Path, name, call)
    outcomes = []
    for number in range(1, 60):
        folder = tmp_path / f"run{number}"
        shutil.copytree(old, folder)
        counted.update(calls=0, at=number)
        try:
            numbers_run().save(folder, force=True)
        except Killed:
            counted["at"] = -1
            outcomes.append(of_classes(folder))
            continue
        break
    else:
        pytest.fail("the save never came to its end")
    assert outcomes == sorted(outcomes, reverse=True)
    assert set(outcomes) == {True, False}


def test_a_full_disk_on_a_new_folder_leaves_no_run(tmp_path, monkeypatch):
    failing = Failing(monkeypatch)
    failing.at, failing.for_ever = 5, True
    with pytest.raises(MachineError):
        classes_run().save(tmp_path / "run")
    assert not is_run(tmp_path / "run")


def test_whatever_moves_up_are_the_files_of_a_run(tmp_path):
    """A folder from elsewhere cannot make a load move other files about."""
    folder = classes_run().save(tmp_path / "run")
    (tmp_path / "precious").write_text("mine")
    (folder / STAGE).mkdir()
    names = ["../../precious", "/etc/hostname"]
    (folder / STAGE / "whole.json").write_text(
        json.dumps({"files": [*FILES, *names], "keeps_checkpoint": True})
    )
    goodfit.load(folder)
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (folder / STAGE).exists()


def test_numbers_that_json_does_not_have_become_null(tmp_path):
    from dataclasses import replace

    run = classes_run()
    odd = replace(run, observations=replace(run.observations, prior_loss=float("inf")))
    folder = save_run(odd, tmp_path / "run")
    assert json.loads((folder / "training.json").read_text())["observations"]["prior_loss"] is None
    assert is_finished(folder)
