"""A Run to a folder of open formats, written whole or not at all.

A run is first written to ``<folder>/.new``. Once that is whole, a file there says so, and its files move up
one by one; whoever finds them half moved moves the rest (`mend`). So a full disk or a killed process leaves
the run that was there, or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from goodfit.errors import InputError, MachineError
from goodfit.files import sync_folder, to_json, write_atomically
from goodfit.repeats import parquet

if TYPE_CHECKING:
    from goodfit.run import Run

__all__ = [
    "FORMAT",
    "begin_folder",
    "check_folder",
    "is_begun",
    "is_finished",
    "is_run",
    "mend",
    "save_run",
    "training_place",
]

FORMAT = 1
"""Number of the folder's layout; a later version of goodfit reads every earlier one."""

STAGE = ".new"
WHOLE = "whole.json"
CHECKPOINT = "checkpoint"
FILES = (
    "recipe.toml",
    "data.json",
    "preparation.json",
    "profile.json",
    "history.csv",
    "vitals.csv",
    "model.safetensors",
    "findings.json",
    "evaluation.json",
    "baselines.json",
    "importance.json",
    "data-curve.json",
    "environment.json",
    "training.json",
    "test-predictions.parquet",
    "report.html",
)
"""What a run folder may hold beside the checkpoint; anything else in it is the user's and stays."""
REPEATED = re.compile(r"(seeds|folds|bag)/history-[0-9]+\.csv|folds/predictions\.parquet")
"""What it may hold beside that of a recipe that was trained several times."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that cannot be written or that holds something already, before any work is done.

    Raises
    ------
    InputError
        It is a file, it is not empty and ``force`` is not given, or it cannot be written.
    """
    with _naming(folder):
        mend(folder)
        if folder.exists() and not folder.is_dir():
            raise InputError("folder.is-file", folder=str(folder))
        if folder.is_dir() and any(folder.iterdir()):
            if not force:
                raise InputError("folder.exists", folder=str(folder))
            if not is_run(folder):
                raise InputError("folder.not-a-run-to-replace", folder=str(folder))
        here = folder.absolute()
        place = next(part for part in (here, *here.parents) if part.exists())
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def begin_folder(folder: Path, *, force: bool) -> None:
    """Make the folder of a training that begins, and the empty place of its checkpoints (`training_place`).

    Raises
    ------
    InputError
        See `check_folder`; or it cannot be made.
    """
    check_folder(folder, force=force)
    with _naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        place = training_place(folder)
        shutil.rmtree(folder / CHECKPOINT if place == folder else place, ignore_errors=True)
        place.mkdir(exist_ok=True)


def training_place(folder: Path) -> Path:
    """Return where a training that begins in a run's folder has its checkpoints.

    That is the folder itself, or a place in it where they do not touch the run that is to be replaced.
    """
    return folder / STAGE if is_finished(folder) else folder


def save_run(
    run: Run, folder: Path, *, force: bool = False, language: str = "en", trained_here: bool = False
) -> Path:
    """Write ``run`` to ``folder``; what was there stays whole until the new run is.

    Parameters
    ----------
    trained_here
        The training began with `begin_folder`, so the checkpoints that it left are this run's.

    Raises
    ------
    InputError
        See `check_folder`.
    MachineError
        The disk is full; what was in the folder is whole.
    """
    from goodfit.run_report import report_html

    own = trained_here or (run.folder is not None and run.folder.absolute() == folder.absolute())
    check_folder(folder, force=force or own)
    run = replace(run, folder=folder, saved_importance=run.own_importance)
    content = _files(run) | {"report.html": report_html(run, language)}
    stage = folder / STAGE
    if not trained_here:
        shutil.rmtree(stage, ignore_errors=True)
    try:
        for name, data in content.items():
            write_atomically(stage / name, data)
        write_atomically(stage / WHOLE, json.dumps({"files": list(content), "keeps_checkpoint": own}))
        mend(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            mend(folder)
        if not (stage / WHOLE).exists():
            shutil.rmtree(stage, ignore_errors=True)
        problem = error.message.values["problem"] if isinstance(error, MachineError) else error.strerror
        raise MachineError("files.not-written", path=str(folder), problem=problem or str(error)) from None
    return folder


def mend(folder: Path) -> None:
    """Move the files of a whole new run into their places; do nothing where there is none."""
    stage = folder / STAGE
    if not (stage / WHOLE).is_file():
        return
    told = json.loads((stage / WHOLE).read_text("utf-8"))
    there = [f"{file.parent.name}/{file.name}" for file in folder.glob("*/*")]
    repeated = [name for name in (*there, *told["files"]) if REPEATED.fullmatch(name)]
    for name in dict.fromkeys([*FILES, *repeated]):
        if name not in told["files"]:
            (folder / name).unlink(missing_ok=True)
        elif (stage / name).exists():
            (folder / name).parent.mkdir(exist_ok=True)
            (stage / name).replace(folder / name)
    for place in ("seeds", "folds", "bag"):
        with contextlib.suppress(OSError):  # it is not there, or not empty
            (folder / place).rmdir()
    if (stage / CHECKPOINT).is_dir() or not told["keeps_checkpoint"]:
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
    if (stage / CHECKPOINT).is_dir():
        (stage / CHECKPOINT).replace(folder / CHECKPOINT)
    sync_folder(folder)
    (stage / WHOLE).unlink()
    shutil.rmtree(stage, ignore_errors=True)


def is_run(folder: Path) -> bool:
    """Say whether a folder holds a run, finished or begun."""
    return is_finished(folder) or (folder / CHECKPOINT).is_dir()


def is_begun(folder: Path) -> bool:
    """Say whether a folder holds a training that can go on and is not what its run came of."""
    return (training_place(folder) / CHECKPOINT).is_dir()


def is_finished(folder: Path) -> bool:
    """Say whether a folder holds a finished run."""
    return (folder / "training.json").exists()


@contextlib.contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Turn the system's refusals into an InputError that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MachineError("files.not-written", path=str(folder), problem=error.strerror) from None
        raise InputError("folder.not-writable", folder=str(folder), problem=error.strerror) from None


def _files(run: Run) -> dict[str, str | bytes]:
    """Return every file of the folder but the report."""
    from safetensors.torch import save

    from goodfit.training.weights import copy_weights

    weights = {name: value.cpu().contiguous() for name, value in copy_weights(run.model).items()}
    files: dict[str, str | bytes] = {
        "recipe.toml": run.recipe.to_toml(),
        "history.csv": run.history.to_csv(),
        "model.safetensors": save(weights),
        "findings.json": to_json({"findings": [finding.to_dict() for finding in run.findings]}),
        "evaluation.json": to_json(None if run.evaluation is None else run.evaluation.to_dict()),
        "baselines.json": to_json({name: item.to_dict() for name, item in run.baselines.items()}),
        "environment.json": to_json(dict(run.environment)),
        "training.json": to_json(
            {
                "format": FORMAT,
                "name": run.name,
                "history": run.history.facts(),
                "epochs": len(run.history),
                "observations": run.observations.plain(),
                "network": run.network,
                "predictions": run.loss.facts.predictions,
                "calibration": None if run.calibration is None else run.calibration.to_dict(),
                "threshold": None if run.threshold is None else run.threshold.to_dict(),
                "notes": [note.to_dict() for note in run.notes],
                "repeats": None if run.repeats is None else run.repeats.to_dict(),
            }
        ),
    }
    if run.test_predictions is not None:
        files["test-predictions.parquet"] = parquet(run.test_predictions)
    if run.repeats is not None:
        files |= run.repeats.files()
    if run.observations.vitals is not None:
        files["vitals.csv"] = run.observations.vitals.to_csv()
    if run.table is not None:
        files |= {
            "data.json": to_json(run.table.to_dict()),
            "preparation.json": run.table.preparation.to_json(),
        }
        if run.table.analysis is not None:
            files["profile.json"] = to_json(run.table.analysis.to_dict())
    if run.own_importance is not None:
        files["importance.json"] = to_json(run.own_importance.to_dict())
    if run.data_curve is not None:
        files["data-curve.json"] = to_json(run.data_curve.to_dict())
    return files
