"""The folder of a tuning: begun before anything trains, and filled when the search has ended."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from goodfit.errors import InputError
from goodfit.files import to_json, write_atomically
from goodfit.improvement.trial import Trial, curve_columns, trial_columns

if TYPE_CHECKING:
    from goodfit.improvement.tuning import Tuning

__all__ = ["BEST", "STUDY", "begin_tuning_folder", "save_trials", "save_tuning"]

FORMAT = 1
STUDY, BEST, ABOUT = "study.db", "best", "tuning.json"
FILES = (ABOUT, STUDY, f"{STUDY}-journal", "best.toml", "trials.csv", "curves.csv", "report.html")
"""What a tuning's folder may hold beside the run ``best/``; anything else in it is the user's and stays."""


def begin_tuning_folder(folder: Path, *, force: bool, resume: bool, stored: bool = False) -> None:
    """Make the folder of a search that begins, or see that there is one to go on with.

    Parameters
    ----------
    stored
        The trials are kept elsewhere, so that there may be a search to go on with though the folder is empty.

    Raises
    ------
    InputError
        It is a file, it cannot be written, it holds something (with ``force`` a tuning in it is removed), or
        there is no search in it to ``resume``.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError("folder.is-file", folder=str(folder))
        ours = any((folder / name).exists() for name in (ABOUT, STUDY))
        empty = not folder.is_dir() or not any(folder.iterdir())
        if resume and not ours and not (stored and empty):
            raise InputError("tune.nothing-to-resume", folder=str(folder))
        if not resume and not empty:
            if not force:
                raise InputError("tune.folder-exists" if ours else "folder.exists", folder=str(folder))
            if not ours:
                raise InputError("tune.not-a-tuning-to-replace", folder=str(folder))
            for name in FILES:
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / BEST, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("folder.not-writable", folder=str(folder), problem=error.strerror) from None


def save_trials(trials: Sequence[Trial], monitor: str, folder: Path) -> None:
    """Write the trials and their curves as tables; where there are none, leave nothing of the search.

    Raises
    ------
    MachineError
        The disk is full.
    """
    import polars as pl

    if not trials:
        for name in FILES:
            with suppress(OSError):  # a system that removes no open file leaves an empty database
                (folder / name).unlink(missing_ok=True)
        return
    for name, columns in (
        ("trials.csv", trial_columns(trials, monitor)),
        ("curves.csv", curve_columns(trials)),
    ):
        write_atomically(folder / name, pl.DataFrame(columns, strict=False).write_csv())


def save_tuning(tuning: Tuning, folder: Path, language: str) -> Tuning:
    """Write everything that is known at the end, the report last; return the tuning as it was saved.

    Raises
    ------
    MachineError
        The disk is full; the trials in the storage are whole.
    """
    from goodfit.saving import save_run

    tuning = replace(tuning, folder=folder)
    save_run(tuning.run, folder / BEST, force=True, language=language)
    tuning = replace(tuning, run=replace(tuning.run, folder=folder / BEST))
    write_atomically(folder / "best.toml", tuning.recipe.to_toml())
    save_trials(tuning.trials, tuning.monitor, folder)
    write_atomically(folder / ABOUT, to_json({"format": FORMAT, **tuning.to_dict()}))
    tuning.report(language=language)
    return tuning
