"""A small table and the program run in this process, for the tests of the command line and of runs."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl

import goodfit
from goodfit.cli import main
from goodfit.run import Run

TINY = ("--epochs", "2", "--hidden", "8")


@dataclass(frozen=True)
class Ended:
    """How the program ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What was said of wrong input: one line on stderr, and nothing on stdout."""
        assert self.out == ""
        assert self.err.startswith("goodfit: ")
        assert self.err.count("\n") == 1
        assert self.err.endswith((".\n", "?\n", "--help.\n"))
        return self.err.removeprefix("goodfit: ").removesuffix("\n")


def program(*arguments: object) -> Ended:
    """Run goodfit with these arguments as a shell would."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    argv = ["goodfit", *map(str, arguments)]
    with (
        mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Ended(status, out.getvalue(), err.getvalue())


def people(rows: int = 120, seed: int = 0) -> pl.DataFrame:
    """Return a table with a column of every kind; ``bought`` depends on age and city."""
    random = np.random.default_rng(seed)
    age = random.normal(40, 12, rows).round(1)
    city = random.choice(["Lima", "Quito", "Bogotá"], rows)
    bought = np.where(age + 10 * (city == "Lima") + random.normal(0, 5, rows) > 42, "yes", "no")
    return pl.DataFrame(
        {
            "age": [None if number % 11 == 0 else value for number, value in enumerate(age.tolist())],
            "income": random.lognormal(8, 1, rows).round(2),
            "city": [None if number % 17 == 0 else value for number, value in enumerate(city.tolist())],
            "member": random.choice([True, False], rows),
            "joined": [f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}" for number in range(rows)],
            "key": [f"k{number * 7919 % 100003}" for number in range(rows)],
            "bought": bought,
        }
    )


def people_file(folder: Path, rows: int = 120, seed: int = 0, name: str = "people.csv") -> Path:
    """Write `people` and return the file."""
    path = folder / name
    people(rows, seed).write_csv(path)
    return path


@cache
def classes_run() -> Run:
    """Return a run on `people`, in memory."""
    return goodfit.train(people(), target="bought", epochs=3, hidden=(8,), name="people")


@cache
def numbers_run() -> Run:
    """Return a run that predicts two numbers at once, in memory."""
    return goodfit.train(people(), target=["age", "income"], epochs=3, hidden=(8,), name="people")


def content(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
