"""Folders that hold logs: goodfit's runs, TensorBoard's, MLflow's, and others with a file that is one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.readers.columns import read_name
from goodfit.diagnosis.readers.event_files import Events, read_events
from goodfit.diagnosis.readers.log import Log, RawLog
from goodfit.messages import Message
from goodfit.observations import History, Observations
from goodfit.recipe import Recipe
from goodfit.vitals import Vitals

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "files_in",
    "is_event_file",
    "is_metrics_folder",
    "is_run",
    "read_event_files",
    "read_metrics",
    "read_run",
]

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".log", ".txt")
MOST_FILES = 1000
CHECKPOINT = re.compile(r"checkpoint-(\d+)$")


def is_run(folder: Path) -> bool:
    """Say whether ``folder`` is a run that goodfit has saved."""
    return all((folder / name).is_file() for name in ("history.csv", "training.json", "recipe.toml"))


def read_run(folder: Path) -> Log:
    """Return what a run folder of goodfit's holds; its network is not looked at."""
    facts = json.loads((folder / "training.json").read_text("utf-8"))
    vitals = folder / "vitals.csv"
    observations = Observations.from_plain(
        facts["observations"],
        history=History.from_csv((folder / "history.csv").read_text("utf-8"), **facts["history"]),
        recipe=Recipe.from_toml((folder / "recipe.toml").read_text("utf-8"), str(folder / "recipe.toml")),
        vitals=Vitals.from_csv(vitals.read_text("utf-8")) if vitals.exists() else None,
    )
    return Log(str(facts["name"]), observations, format="goodfit")


def is_metrics_folder(folder: Path) -> bool:
    """Say whether ``folder`` is MLflow's ``metrics``: a file a metric, lines of time, value and step."""
    if folder.name != "metrics":
        return False
    first = next((file for file in sorted(folder.rglob("*")) if file.is_file()), None)
    if first is None:
        return False
    words = first.read_text("utf-8", "replace").partition("\n")[0].split()
    return len(words) in (2, 3) and words[0].isdigit()


def read_metrics(folder: Path, name: str) -> RawLog:
    """Return the run in MLflow's ``metrics`` folder."""
    parts = []
    for file in sorted(folder.rglob("*")):
        rows: list[tuple[float, int, float]] = []
        for line in file.read_text("utf-8", "replace").splitlines() if file.is_file() else ():
            words = line.split()
            try:
                when, value = float(words[0]), float(words[1])
                step = int(np.int64(int(words[2]))) if len(words) > 2 else 0
            except (ValueError, IndexError, OverflowError):
                continue
            rows.append((when / 1000, step, value))
        if rows:
            time, steps, values = (np.array(column) for column in zip(*rows, strict=True))
            tag = file.relative_to(folder).as_posix()
            parts.append(Events(time, steps, np.zeros(len(rows), dtype=np.int64), values, (tag,)))
    return RawLog(name, _table(parts), "mlflow")


def is_event_file(path: Path) -> bool:
    """Say whether a file is TensorBoard's, by its name."""
    return "tfevents" in path.name


def read_event_files(files: Sequence[Path], top: Path) -> list[RawLog]:
    """Return the runs in TensorBoard's files: one for each folder.

    Folders named for a part (``train``, ``validation``, ``loss_valid``) are parts of the run above them.
    """
    runs: dict[Path, list[Events]] = {}
    notes: dict[Path, list[Message]] = {}
    for file in sorted(files):
        events, whole = read_events(file.read_bytes())
        folder, part = file.parent, None
        words = re.split(r"[^a-z0-9]+|_", folder.name.lower())
        if folder != top or len(files) == 1:
            part = read_name("_".join([*words, "x"])).part
        run = folder.parent if part is not None else folder
        names = (tag if part is None or read_name(tag).part else f"{part}_{tag}" for tag in events.tags)
        if len(events):
            runs.setdefault(run, []).append(replace(events, tags=tuple(names)))
        if not whole:
            notes.setdefault(run, []).append(
                Message("log.events-damaged", {"file": file.name, "count": len(events)})
            )
    several = len(runs) > 1
    return [
        RawLog(
            _name(run, top) if several else (top.stem if top.is_file() else top.name) or str(top),
            _table(parts),
            "tensorboard",
            notes=tuple(notes.get(run, ())),
        )
        for run, parts in runs.items()
    ]


def _name(run: Path, top: Path) -> str:
    return run.relative_to(top).as_posix() if run.is_relative_to(top) and run != top else run.name


def _table(parts: Sequence[Events]) -> pl.DataFrame:
    """Return one row for each step, a column for each tag, in the order of their times."""
    import polars as pl

    if not parts:
        return pl.DataFrame(schema={"step": pl.Float64})
    names = list(dict.fromkeys(tag for events in parts for tag in events.tags))
    place = {name: number for number, name in enumerate(names)}
    renumbered = [
        np.array([place[tag] for tag in events.tags], dtype=np.int64)[events.tag] for events in parts
    ]
    time, step, value = (
        np.concatenate([getattr(events, name) for events in parts]) for name in ("time", "step", "value")
    )
    tag = np.concatenate(renumbered)
    if (np.diff(time) < 0).any():
        order = np.argsort(time, kind="stable")
        time, step, value, tag = time[order], step[order], value[order], tag[order]
    chosen = {number: np.flatnonzero(tag == number) for number in range(len(names))}
    row, steps = _rows(time, step, chosen)
    columns: dict[str, pl.Series] = {"step": pl.Series(steps.astype(float))}
    for number, rows in sorted(chosen.items(), key=lambda item: item[1][0] if len(item[1]) else len(tag)):
        if len(rows) and names[number] != "step":
            there, values = np.zeros(len(steps), dtype=bool), np.zeros(len(steps))
            there[row[rows]], values[row[rows]] = True, value[rows]
            present = pl.when(pl.Series(there)).then(pl.Series(values))
            columns[names[number]] = pl.select(present).to_series()
    return pl.DataFrame(columns)


def _rows(
    time: NDArray[np.float64], step: NDArray[np.int64], chosen: Mapping[int, NDArray[np.intp]]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the row that each scalar belongs to, and the step of each row.

    A file that a resumed training went on with has a step twice; these are rows of their own, by their times.
    """
    steps, row = np.unique(step, return_inverse=True)
    if not any((np.diff(step[rows]) < 0).any() for rows in chosen.values()):
        return row, steps
    again = np.zeros(len(step), dtype=np.int64)
    for rows in chosen.values():
        order = np.argsort(step[rows], kind="stable")
        first = np.searchsorted(step[rows][order], step[rows][order])
        again[rows[order]] = np.arange(len(rows)) - first
    pairs, row = np.unique(again * len(steps) + row, return_inverse=True)
    begins = np.full(len(pairs), np.inf)
    np.minimum.at(begins, row, time)
    place = np.argsort(begins, kind="stable")
    rank = np.empty(len(place), dtype=np.intp)
    rank[place] = np.arange(len(place))
    return rank[row], steps[pairs[place] % len(steps)]


def files_in(folder: Path) -> list[Path]:
    """Return the files below ``folder`` that may be logs; of Hugging Face's checkpoints only the last.

    Folders that are read as a whole (runs, metrics) are among them in place of their files.
    """
    found: list[Path] = []
    pending = [folder]
    while pending and len(found) < MOST_FILES:
        here = pending.pop(0)
        if here != folder and (is_run(here) or is_metrics_folder(here)):
            found.append(here)
            continue
        entries = sorted(here.iterdir())
        found += [
            entry
            for entry in entries
            if entry.is_file() and (entry.suffix.lower() in SUFFIXES or is_event_file(entry))
        ]
        below = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        checkpoints = [entry for entry in below if CHECKPOINT.search(entry.name)]
        if checkpoints:
            last = max(checkpoints, key=lambda entry: int(CHECKPOINT.search(entry.name)[1]))  # type: ignore[index]
            keeps = [] if (here / "trainer_state.json").exists() else [last]
            below = [entry for entry in below if entry not in checkpoints] + keeps
        pending += [entry for entry in below if not entry.is_symlink()]
    return found
