"""A search whose process is killed goes on, and processes on one storage share a search."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from spine_for_tests import people_file

WORDS = (
    "tune",
    "people.csv",
    "--target",
    "bought",
    "--hidden",
    "8",
    "--epochs",
    "6",
    "--seeds",
    "1",
    "--quiet",
)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "goodfit", *WORDS, *words]
    return subprocess.Popen(command, cwd=folder, text=True, stderr=subprocess.PIPE)


def rows_in(database: Path) -> int:
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as known:
            return int(known.execute("select count(*) from trials").fetchone()[0])
    except sqlite3.Error:  # not there yet
        return 0


@pytest.fixture
def place(tmp_path) -> Path:
    """Return a folder with a table in it."""
    people_file(tmp_path)
    return tmp_path


def test_a_killed_search_goes_on_with_all_that_was_tried(place):
    running = start(place, "--trials", "100000", "--output", "found")
    database = place / "found" / "study.db"
    deadline = time.monotonic() + 120
    while rows_in(database) < 8:
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    kept = rows_in(database)
    assert kept >= 8
    again = start(place, "--trials", str(kept + 8), "--output", "found", "--resume")
    assert again.communicate()[1] == ""
    assert again.returncode == 0
    trials = pl.read_csv(place / "found" / "trials.csv")
    assert trials.height == kept + 8
    assert trials["found_after"].is_not_null().all()
    assert (place / "found" / "best" / "model.safetensors").exists()


def test_processes_share_the_trials_of_one_storage(place):
    shared = ("--storage", "shared.journal", "--trials", "24")
    processes = [start(place, *shared, "--output", f"worker-{number}") for number in (1, 2)]
    for process in processes:
        assert process.communicate()[1] == ""
        assert process.returncode == 0
    tables = [pl.read_csv(place / f"worker-{number}" / "trials.csv") for number in (1, 2)]
    assert all(table.height >= 24 for table in tables)
    first, other = (set(table["learning_rate"].to_list()) for table in tables)
    assert len(first & other) >= 16
