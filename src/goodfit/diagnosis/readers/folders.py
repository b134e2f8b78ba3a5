"""Folders that hold logs: goodfit's runs, TensorBoard's, MLflow's, and others with a file that is one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodfit.diagnosis.readers.columns import read_name
from goodfit.diagnosis.readers.event_files import read_events
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
    observations = Observations(
        history=History.from_csv((folder / "history.csv").read_text("utf-8"), **facts["history"]),
        recipe=Recipe.from_toml((folder / "recipe.toml").read_text("utf-8"), str(folder / "recipe.toml")),
        vitals=Vitals.from_csv(vitals.read_text("utf-8")) if vitals.exists() else None,
        **facts["observations"],
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
    points: list[tuple[float, int, str, float]] = []
    for file in sorted(folder.rglob("*")):
        for line in file.read_text("utf-8", "replace").splitlines() if file.is_file() else ():
            words = line.split()
            try:
                when, value = float(words[0]), float(words[1])
                step = int(words[2]) if len(words) > 2 else 0
            except (ValueError, IndexError):
                continue
            points.append((when / 1000, step, file.relative_to(folder).as_posix(), value))
    return RawLog(name, _table(points), "mlflow")


def is_event_file(path: Path) -> bool:
    """Say whether a file is TensorBoard's, by its name."""
    return "tfevents" in path.name


def read_event_files(files: Sequence[Path], top: Path) -> list[RawLog]:
    """Return the runs in TensorBoard's files: one for each folder.

    Folders named for a part (``train``, ``validation``, ``loss_valid``) are parts of the run above them.
    """
    runs: dict[Path, list[tuple[float, int, str, float]]] = {}
    notes: dict[Path, list[Message]] = {}
    for file in sorted(files):
        points, whole = read_events(file.read_bytes())
        folder, part = file.parent, None
        words = re.split(r"[^a-z0-9]+|_", folder.name.lower())
        if folder != top or len(files) == 1:
            part = read_name("_".join([*words, "x"])).part
        run = folder.parent if part is not None else folder
        runs.setdefault(run, []).extend(
            (when, step, tag if part is None or read_name(tag).part else f"{part}_{tag}", value)
            for when, step, tag, value in points
        )
        if not whole:
            notes.setdefault(run, []).append(
                Message("log.events-damaged", {"file": file.name, "count": len(points)})
            )
    several = len(runs) > 1
    return [
        RawLog(
            _name(run, top) if several else (top.stem if top.is_file() else top.name) or str(top),
            _table(sorted(points, key=lambda point: point[0])),
            "tensorboard",
            notes=tuple(notes.get(run, ())),
        )
        for run, points in runs.items()
        if points
    ]


def _name(run: Path, top: Path) -> str:
    return run.relative_to(top).as_posix() if run.is_relative_to(top) and run != top else run.name


def _table(points: Sequence[tuple[float, int, str, float]]) -> pl.DataFrame:
    """Return one row for each step, a column for each tag."""
    import polars as pl

    columns: dict[str, Any] = {"wall": [], "step": [], "tag": [], "value": []}
    for name, values in zip(columns, zip(*points, strict=True), strict=False):
        columns[name] = values
    long = pl.DataFrame(
        columns, schema={"wall": pl.Float64, "step": pl.Int64, "tag": pl.String, "value": pl.Float64}
    )
    tags = long["tag"].unique(maintain_order=True).to_list()
    # A file that a resumed training went on with has a step twice; the order tells which is later.
    back = (long.group_by("tag", maintain_order=True).agg(pl.col("step").diff().lt(0).any()))["step"].any()
    if back:
        times = pl.int_range(pl.len()).over("step", "tag").alias("again")
        long = long.with_columns(times)
        wide = long.pivot("tag", index=["again", "step"], values="value", aggregate_function="last")
        firsts = long.group_by("again", "step").agg(pl.col("wall").min())
        wide = wide.join(firsts, on=["again", "step"]).sort("wall").drop("again", "wall")
    else:
        wide = long.pivot("tag", index="step", values="value", aggregate_function="last").sort("step")
    return wide.select(pl.col("step").cast(pl.Float64), *(pl.col(tag) for tag in tags if tag != "step"))


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
