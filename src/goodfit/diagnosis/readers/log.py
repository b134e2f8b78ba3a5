"""A path to the runs that are logged there: find out what wrote it, read it, tell its runs apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodfit.diagnosis.readers import documents, names, tables
from goodfit.diagnosis.readers.points import runs_of
from goodfit.errors import InputError
from goodfit.messages import Message
from goodfit.observations import Observations

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LoggedRun", "read_log", "read_runs"]

EVENTS = "*tfevents*"


@dataclass(frozen=True)
class LoggedRun:
    """A run found in a log.

    Parameters
    ----------
    name
        The run's name in the log, or the file's.
    source
        What wrote it, such as ``keras``, as far as it can be told; ``table`` otherwise.
    observations
        Its curves, and whether its training loss is a running mean.
    notes
        What was noticed while reading: rows left out, losses added up.
    """

    name: str
    source: str
    observations: Observations
    notes: tuple[Message, ...] = ()


def read_log(path: str | Path, **columns: str) -> list[Observations]:
    """Read the runs of a log; see `read_runs`."""
    return [run.observations for run in read_runs(path, **columns)]


def read_runs(path: str | Path, **columns: str) -> list[LoggedRun]:
    """Read the runs that a log of another tool holds.

    Known are tables (CSV, TSV) with a column for the epoch or step, among them those of Keras'
    CSVLogger, Lightning, fastai, Ultralytics and exports of W&B; JSON of Keras' History, of Hugging
    Face's ``trainer_state.json``, skorch and Ludwig; JSON lines; folders of MLflow's metrics; folders
    of these.

    Parameters
    ----------
    path
        A file or folder.
    columns
        What a column means where its name does not say: ``epoch``, ``step``, ``train_loss``,
        ``valid_loss``, ``learning_rate``.

    Raises
    ------
    InputError
        There is nothing there, or nothing in it that is a curve; a named column does not exist.
    """
    path = Path(path)
    unknown = [role for role in columns if role not in names.ROLES]
    if unknown:
        raise InputError("log.unknown-role", role=unknown[0], known=list(names.ROLES))
    if not path.exists():
        raise InputError("log.missing", path=str(path))
    runs = _folder(path, columns) if path.is_dir() else _file(path, columns)
    if not runs:
        raise InputError("log.no-curves", path=str(path))
    return runs


def _folder(path: Path, columns: dict[str, str]) -> list[LoggedRun]:
    if (path / "metrics").is_dir() or path.name == "metrics":
        folder = path if path.name == "metrics" else path / "metrics"
        frame = tables.mlflow(folder)
        if frame is not None:
            return _runs(
                frame, "mlflow", path.parent.name if path.name == "metrics" else path.name, path, columns
            )
    found = []
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.suffix.lower() in (".csv", ".tsv", ".json", ".jsonl", ".ndjson"):
            try:
                found += _file(file, columns)
            except InputError:
                continue
    if not found and any(path.rglob(EVENTS)):
        raise InputError("log.events", path=str(path))
    return found


def _file(path: Path, columns: dict[str, str]) -> list[LoggedRun]:
    if "tfevents" in path.name:
        raise InputError("log.events", path=str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("log.unreadable", path=str(path), problem=str(error.strerror or error)) from None
    if not data.strip():
        raise InputError("log.empty", path=str(path))
    if b"\0" in data[:4096]:
        raise InputError("log.not-text", path=str(path))
    frame, source = _frame(data, path)
    if frame is None:
        raise InputError("log.not-a-log", path=str(path))
    return _runs(frame, source, path.stem, path, columns)


def _frame(data: bytes, path: Path) -> tuple[pl.DataFrame | None, str]:
    first = data.lstrip()[:1]
    if first in b"{[":
        lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
        whole = _json(data)
        if whole is not None:
            return documents.frame(whole)
        return documents.lines(lines), "json-lines"
    return tables.frame(data, path), "table"


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _runs(
    frame: pl.DataFrame, source: str, name: str, path: Path, columns: dict[str, str]
) -> list[LoggedRun]:
    missing = [column for column in columns.values() if column not in frame.columns]
    if missing:
        raise InputError("log.no-column", path=str(path), column=missing[0], known=frame.columns[:20])
    if source == "table":
        source = names.source_of(frame.columns)
    return [
        LoggedRun(run or name, source, observations, notes)
        for run, observations, notes in runs_of(frame, source, columns)
    ]
