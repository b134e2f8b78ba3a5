"""Paths to the trainings that are logged there: find out what wrote each, read it, tell its runs apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from goodfit.diagnosis.readers.columns import Meaning, meaning_of
from goodfit.diagnosis.readers.documents import read_document, read_lines, read_lists
from goodfit.diagnosis.readers.folders import (
    files_in,
    is_event_file,
    is_metrics_folder,
    is_run,
    read_event_files,
    read_metrics,
    read_run,
)
from goodfit.diagnosis.readers.log import Log, RawLog
from goodfit.diagnosis.readers.points import runs_of, to_points
from goodfit.diagnosis.readers.tables import numbers, read_table
from goodfit.errors import InputError
from goodfit.messages import Message
from goodfit.observations import History, Observations

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Told", "read_frame", "read_lists_of", "read_logs", "read_records_of", "with_told"]

PERCENT = 1.5
PERCENT_METRICS = ("acc", "accuracy", "top1", "top5", "f1", "precision", "recall")
MORE_NEEDED = ("wandb-chart", "tensorboard-csv")


@dataclass(frozen=True)
class Told:
    """What the caller knows beside the log.

    Parameters
    ----------
    train_loss, valid_loss
        The columns of the losses, where their names do not say.
    classes
        Number of classes.
    prior_loss
        Loss of the best constant prediction.
    validation_rows
        Rows that were validated on.
    """

    train_loss: str | None = None
    valid_loss: str | None = None
    classes: int | None = None
    prior_loss: float | None = None
    validation_rows: int | None = None

    def __post_init__(self) -> None:
        for name, low in (("classes", 2), ("validation_rows", 1)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise InputError("log.too-small", option=name, value=value, low=low)
        if self.prior_loss is not None and not np.isfinite(self.prior_loss):
            raise InputError("log.prior-loss", value=self.prior_loss)


def read_logs(paths: str | Path | Iterable[str | Path], **told: Any) -> list[Log]:
    """Read the trainings that other tools have logged.

    Known by what they hold, not by their names: tables (CSV, TSV) with a column for the epoch or step, among
    them those of Keras' CSVLogger, Lightning, fastai, Ultralytics and exports of W&B; Keras' History as
    JSON, Hugging Face's ``trainer_state.json``, the histories of skorch and Ludwig, lists of records, JSON
    lines; TensorBoard's event files, MLflow's ``metrics`` folders, goodfit's runs; and folders of these.

    Parameters
    ----------
    paths
        Files and folders.
    told
        What logs lack, see `Told`.

    Returns
    -------
    list of Log
        One for each training, in the order of the paths.

    Raises
    ------
    InputError
        There is nothing there, or nothing in it that is a curve.
    """
    known = Told(**told)
    logs: list[Log] = []
    partial: list[RawLog] = []
    paths = [paths] if isinstance(paths, (str, Path)) else [*paths]
    for given in paths:
        path = Path(given)
        if not path.exists():
            raise InputError("log.missing", path=str(path))
        try:
            found = _folder(path) if path.is_dir() else _file(path)
        except OSError as error:
            raise InputError("log.unreadable", path=str(path), problem=error.strerror or str(error)) from None
        if not found:
            raise InputError("log.no-curves", path=str(path))
        whole = [log for log in found if isinstance(log, Log)]
        logs += [_with(log, known) for log in whole]
        raw = [log for log in found if isinstance(log, RawLog)]
        pieces = [log for log in raw if log.format in MORE_NEEDED and len(paths) > 1]
        partial += pieces
        understood = _understood_all([log for log in raw if log not in pieces], str(path), known)
        logs += understood
        if not (whole or pieces or understood):
            raise InputError("log.no-curves", path=str(path))
    logs += _understood_all(_joined(partial), ", ".join(map(str, paths)), known) if partial else []
    return logs


def read_frame(table: Any, name: str = "frame", **told: Any) -> list[Log]:
    """Return the trainings in a polars or pandas frame; see `read_logs`."""
    import polars as pl

    if not isinstance(table, pl.DataFrame):
        table = pl.DataFrame(
            {str(column): table[column].to_numpy() for column in table.columns}, nan_to_null=True
        )
    from goodfit.diagnosis.readers.tables import parts_by_run

    parts = parts_by_run(numbers(table))
    return _all([RawLog(f"{name}: {run}" if run else name, part) for run, part in parts], name, told)


def read_lists_of(lists: Mapping[str, Any], name: str = "history", **told: Any) -> list[Log]:
    """Return the training in a dict of lists; see `read_logs`."""
    plain = {key: np.asarray(values).tolist() for key, values in lists.items()}
    return _all(
        [replace(log, train_loss_is="unknown", format="lists") for log in read_lists(plain, name)], name, told
    )


def read_records_of(rows: Sequence[Mapping[str, Any]], name: str = "history", **told: Any) -> list[Log]:
    """Return the trainings in a list of dicts; see `read_logs`."""
    return _all(read_document([*rows], name), name, told)


def with_told(log: Log, **told: Any) -> Log:
    """Return a log with what its caller knows beside it; see `Told`."""
    known = Told(**told)
    history = log.observations.history
    columns = dict(history.columns)
    for name, column in (("train_loss", known.train_loss), ("valid_loss", known.valid_loss)):
        if column is not None and column not in history:
            raise InputError("log.no-column", path=log.name, column=column, known=[*history])
        if column is not None:
            columns[name] = history[column]
    if known.train_loss or known.valid_loss:
        seen = replace(log.observations, history=replace(history, columns=columns))
        log = replace(log, observations=seen)
    return _with(log, known)


def _all(raw: Sequence[RawLog], name: str, told: Mapping[str, Any]) -> list[Log]:
    logs = _understood_all(raw, name, Told(**told))
    if not logs:
        raise InputError("log.no-curves", path=name)
    return logs


def _folder(path: Path) -> list[Log] | list[RawLog] | list[Any]:
    if is_run(path):
        return [_run(path)]
    if is_metrics_folder(path):
        return [read_metrics(path, path.resolve().parent.name or path.name)]
    found: list[Any] = []
    files = files_in(path)
    found += read_event_files([file for file in files if is_event_file(file)], path)
    for file in files:
        if is_event_file(file):
            continue
        name = _name(file, path)
        if file.is_dir():
            found.append(_run(file) if is_run(file) else read_metrics(file, _name(file.parent, path)))
            continue
        try:
            found += [replace(log, name=log.name.replace(file.stem, name, 1)) for log in _file(file)]
        except InputError:
            continue
    return _without_twins(found)


def _without_twins(found: Sequence[Log | RawLog]) -> list[Log | RawLog]:
    """Leave out files that hold no curves beside those that do: configurations, results."""
    kept: list[Log | RawLog] = []
    for log in found:
        if isinstance(log, RawLog):
            try:
                if not _meaning(log, log.name, Told()).curves or log.table.height < 2:
                    continue
            except InputError:
                continue
        kept.append(log)
    return kept


def _name(file: Path, top: Path) -> str:
    return top.resolve().name if file == top else file.relative_to(top).with_suffix("").as_posix()


def _run(folder: Path) -> Log:
    try:
        return read_run(folder)
    except InputError:
        raise
    except Exception as error:  # what damage looks like cannot be foreseen
        problem = str(error).partition("\n")[0] or type(error).__name__
        raise InputError("run.damaged", path=str(folder), problem=problem) from None


def _file(path: Path) -> list[Any]:
    if is_run(path.parent) and path.name in ("history.csv", "training.json"):
        return [_run(path.parent)]
    data = path.read_bytes()
    if not data.strip():
        raise InputError("log.empty", path=str(path))
    if is_event_file(path):
        return read_event_files([path], path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif b"\0" in data[:4096]:
        logs = read_event_files([path], path)
        if not logs:
            raise InputError("log.not-text", path=str(path))
        return logs
    else:
        text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    name = path.stem
    raw: list[RawLog]
    if text.lstrip()[:1] in ("{", "["):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raw = read_lines(text, name)
            if not raw:
                raise InputError("log.damaged-json", path=str(path)) from None
        else:
            raw = read_document(document, name)
    else:
        raw = read_table(text, name)
    if not raw:
        begun = "\n" not in text.strip() and {"epoch", "step"} & set(re.split(r"\W+", text.lower()))
        raise InputError("log.empty" if begun else "log.not-a-log", path=str(path))
    return raw


def _understood_all(raw: Sequence[RawLog], path: str, told: Told) -> list[Log]:
    logs: list[Log] = []
    for log in raw:
        meaning = _meaning(log, path, told)
        if not meaning.curves:
            continue
        parts = runs_of(log.table, meaning)
        for number, table in enumerate(parts, start=1):
            name = f"{log.name}: {number}" if len(parts) > 1 else log.name
            part = _understood(replace(log, name=name, table=table), meaning, told)
            if part is not None:
                logs.append(part)
    return logs


def _meaning(log: RawLog, path: str, told: Told) -> Meaning:
    numeric = [column for column in log.table.columns if log.table[column].dtype.is_numeric()]
    return meaning_of(
        numeric, path, train_loss=told.train_loss, valid_loss=told.valid_loss, metrics_of=log.metrics_of
    )


def _understood(log: RawLog, meaning: Meaning, told: Told) -> Log | None:
    columns, notes = to_points(log.table, meaning)
    if not len(columns["epoch"]):
        return None
    percent = [
        name
        for name in columns
        if name.startswith(("train_", "valid_"))
        and any(word in name.split("_") for word in PERCENT_METRICS)
        and np.isfinite(columns[name]).any()
        and PERCENT < np.nanmax(columns[name][np.isfinite(columns[name])]) <= 100
    ]
    if percent:
        columns |= {name: columns[name] / 100 for name in percent}
        notes.append(Message("log.percent", {"columns": percent}))
    if "train_loss" not in columns and "valid_loss" not in columns:
        notes.append(Message("log.no-loss", {"columns": [*meaning.curves]}))
    history = History(columns, ended_by="non-finite-loss" if _lost(log.table, meaning) else None)
    observations = Observations(
        history,
        train_rows=log.train_rows,
        valid_rows=log.valid_rows,
        train_loss_is=log.train_loss_is if "train_loss" in columns else "unknown",
    )
    return _with(Log(log.name, observations, (*log.notes, *meaning.notes, *notes), log.format), told)


def _lost(table: pl.DataFrame, meaning: Meaning) -> bool:
    """Say whether a loss was a number until NaN or infinity was logged, to the end."""
    for name in ("train_loss", "valid_loss"):
        for column in meaning.curves.get(name, ()):
            logged = np.isfinite(table[column].drop_nulls().cast(float).to_numpy())
            if len(logged) and not logged[-1] and logged[: int(logged.sum())].all():
                return True
    return False


def _with(log: Log, told: Told) -> Log:
    seen = log.observations
    classes = told.classes if told.classes is not None else seen.classes
    kinds: dict[bool, Literal["binary", "multiclass"]] = {True: "binary", False: "multiclass"}
    observations = replace(
        seen,
        classes=classes,
        task=seen.task if told.classes is None else kinds[told.classes == 2],
        prior_loss=told.prior_loss if told.prior_loss is not None else seen.prior_loss,
        valid_rows=told.validation_rows if told.validation_rows is not None else seen.valid_rows,
    )
    return replace(log, observations=observations)


def _joined(raw: Sequence[RawLog]) -> list[RawLog]:
    """Return charts that were exported one by one as one log a run, joined by their steps."""
    import polars as pl

    runs: dict[str, list[RawLog]] = {}
    for log in raw:
        runs.setdefault(log.name, []).append(log)
    joined = []
    for logs in runs.values():
        table = logs[0].table
        for log in logs[1:]:
            first = table.columns[0]
            table = table.join(
                log.table.rename({log.table.columns[0]: first}), on=first, how="full", coalesce=True
            )
        joined.append(replace(logs[0], table=table.sort(pl.nth(0))))
    return joined
