from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from goodfit.cli.claimed_folder import claimed_folder, free_folder


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_free_folder_is_called_by_the_data():
    assert free_folder(Path("runs"), Path("x/wine.v2.csv.gz")) == Path("runs/wine.v2-1")
    Path("runs/wine.v2-1").mkdir(parents=True)
    Path("runs/wine.v2-2").write_text("a file")
    assert free_folder(Path("runs"), Path("wine.v2.csv")) == Path("runs/wine.v2-3")


def test_trainings_at_the_same_time_take_different_folders():
    with ThreadPoolExecutor(8) as threads, ExitStack() as held:
        claims = [held.enter_context(claimed_folder(Path("runs"), Path("wine.csv"))) for _ in range(3)]
        begun = [claimed_folder(Path("runs"), Path("wine.csv")) for _ in range(8)]
        others = list(threads.map(lambda claim: claim.__enter__(), begun))
        assert len({*claims, *others}) == 11
        Path(claims[0], "kept.txt").write_text("x")
    assert claims[0].exists()
    assert not claims[1].exists()


def test_a_folder_that_nothing_was_written_to_is_not_left():
    with claimed_folder(Path("runs"), Path("wine.csv")):
        assert Path("runs/wine-1").is_dir()
    assert not Path("runs").exists()
    Path("runs").write_text("a file")
    with claimed_folder(Path("runs"), Path("wine.csv")) as folder:
        assert folder == Path("runs/wine-1")
    assert Path("runs").read_text() == "a file"
