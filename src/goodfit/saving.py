"""A Run to a folder of open formats, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodfit.errors import InputError, MachineError
from goodfit.files import write_atomically
from goodfit.observations import Observations

if TYPE_CHECKING:
    from goodfit.run import Run

__all__ = ["FORMAT", "check_folder", "is_run", "mend", "save_run"]

FORMAT = 1
"""Number of the folder's layout; a later version of goodfit reads every earlier one."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that cannot be written or that holds something already, before any work is done.

    Raises
    ------
    InputError
        It is a file, it is not empty and ``force`` is not given, or it cannot be written.
    """
    mend(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError("folder.is-file", folder=str(folder))
    if folder.is_dir() and any(folder.iterdir()):
        if not force:
            raise InputError("folder.exists", folder=str(folder))
        if not is_run(folder):
            raise InputError("folder.not-a-run-to-replace", folder=str(folder))
    probe = folder if folder.is_dir() else next(part for part in folder.absolute().parents if part.exists())
    if not probe.is_dir() or not os.access(probe, os.W_OK):
        raise InputError("folder.not-writable", folder=str(folder), parent=str(probe))


def save_run(run: Run, folder: Path, *, force: bool = False, language: str = "en") -> Path:
    """Write ``run`` to ``folder``: beside it first, then moved into its place in one step.

    Raises
    ------
    InputError
        See `check_folder`.
    MachineError
        The disk is full; what was in the folder is whole.
    """
    from goodfit.run_report import report_html

    own = run.folder is not None and run.folder.absolute() == folder.absolute()
    check_folder(folder, force=force or own)
    run = replace(run, folder=folder)
    new = _beside(folder, "new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        for name, content in _files(run).items():
            write_atomically(new / name, content)
        write_atomically(new / "report.html", report_html(run, language))
        if (folder / "checkpoint").is_dir():
            shutil.copytree(folder / "checkpoint", new / "checkpoint", copy_function=_link)
        _exchange(new, folder)
    except OSError as error:
        problem = error.strerror or str(error)
        raise (
            error
            if isinstance(error, MachineError)
            else MachineError("files.not-written", path=str(folder), problem=problem)
        ) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def _files(run: Run) -> dict[str, str | bytes]:
    """Return every file of the folder but the report."""
    from safetensors.torch import save

    from goodfit.training.weights import copy_weights

    observed = {
        item.name: getattr(run.observations, item.name)
        for item in fields(Observations)
        if item.name not in ("history", "recipe")
    }
    weights = {name: value.cpu().contiguous() for name, value in copy_weights(run.model).items()}
    files: dict[str, str | bytes] = {
        "recipe.toml": run.recipe.to_toml(),
        "history.csv": run.history.to_csv(),
        "model.safetensors": save(weights),
        "findings.json": _json({"findings": [finding.to_dict() for finding in run.findings]}),
        "evaluation.json": _json(None if run.evaluation is None else run.evaluation.to_dict()),
        "baselines.json": _json({name: item.to_dict() for name, item in run.baselines.items()}),
        "environment.json": _json(dict(run.environment)),
        "training.json": _json(
            {
                "format": FORMAT,
                "name": run.name,
                "history": run.history.facts(),
                "observations": observed,
                "network": run.network,
                "predictions": run.loss.facts.predictions,
                "notes": [note.to_dict() for note in run.notes],
            }
        ),
    }
    if run.table is not None:
        files |= {
            "data.json": _json(run.table.to_dict()),
            "preparation.json": run.table.preparation.to_json(),
        }
    return files


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)


def is_run(folder: Path) -> bool:
    """Say whether a folder holds a run, finished or begun."""
    return (folder / "training.json").exists() or (folder / "checkpoint").is_dir()


def _beside(folder: Path, what: str) -> Path:
    return folder.absolute().with_name(f".{folder.name}.{what}")


def _exchange(new: Path, folder: Path) -> None:
    """Put ``new`` in the place of ``folder``; the old one stays beside it until that is done."""
    old = _beside(folder, "old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def mend(folder: Path) -> None:
    """Put back the old folder where a process died between taking it away and putting the new one there."""
    old = _beside(folder, "old")
    if old.is_dir() and not folder.exists():
        old.rename(folder)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
