"""goodfit.diagnose: what is wrong with a training, from whatever holds its curves."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from goodfit.diagnosis.diagnose import diagnose as diagnose_observations
from goodfit.diagnosis.readers.log import Log
from goodfit.diagnosis.readers.read import read_frame, read_lists_of, read_logs, read_records_of, with_told
from goodfit.errors import InputError
from goodfit.finding import Finding
from goodfit.observations import History, Observations

__all__ = ["diagnose", "logs_of"]


def diagnose(
    data: Any,
    *,
    train_loss: str | None = None,
    valid_loss: str | None = None,
    classes: int | None = None,
    prior_loss: float | None = None,
    validation_rows: int | None = None,
) -> list[Finding]:
    """Return what is wrong with a training, the most severe and surest first; an empty list for nothing.

    Parameters
    ----------
    data
        Anything with curves: the path of a log or a folder (see ``goodfit diagnose --help`` for what is
        known), a pandas or polars frame or a dict of lists with the columns ``epoch, train_loss,
        valid_loss`` (and, if there are, ``train_<metric>, valid_<metric>, learning_rate,
        gradient_norm``), a list of dicts, a `History`, `Observations`, a `Run`, what `goodfit.watch`
        returns, Keras' ``History``, a skorch net, Hugging Face's ``Trainer``.
    train_loss, valid_loss
        The columns of the losses, where their names do not say.
    classes
        Number of classes; tells whether the network learns more than guessing.
    prior_loss
        Loss of the best constant prediction, in the units of the validation loss.
    validation_rows
        Rows that were validated on; tells how noisy the validation loss is.

    Raises
    ------
    InputError
        There are no curves in it, or those of several trainings: diagnose each by itself.

    Examples
    --------
    >>> import goodfit
    >>> epochs = range(1, 41)
    >>> curves = {
    ...     "epoch": [*epochs],
    ...     "train_loss": [0.9**epoch for epoch in epochs],
    ...     "valid_loss": [0.5 + 0.02 * epoch for epoch in epochs],
    ... }
    >>> goodfit.diagnose(curves)[0].code
    'overfitting'
    """
    logs = logs_of(
        data,
        train_loss=train_loss,
        valid_loss=valid_loss,
        classes=classes,
        prior_loss=prior_loss,
        validation_rows=validation_rows,
    )
    if len(logs) > 1:
        raise InputError("log.several", count=len(logs), names=[log.name for log in logs[:5]])
    return diagnose_observations(logs[0].observations)


def logs_of(data: Any, **told: Any) -> list[Log]:
    """Return the trainings in whatever holds curves; see `diagnose`.

    Raises
    ------
    InputError
        There are none.
    """
    if isinstance(data, (str, PathLike)):
        return read_logs(Path(data), **told)
    if isinstance(data, History):
        return [with_told(Log("history", Observations(data)), **told)]
    if isinstance(data, Observations):
        return [with_told(Log("observations", data), **told)]
    seen = getattr(data, "observations", None)
    if isinstance(seen, Observations):
        return [with_told(Log(str(getattr(data, "name", "run")), seen), **told)]
    if _is_frame(data):
        return read_frame(data, **told)
    if isinstance(data, Mapping):
        return read_lists_of(data, **told)
    if isinstance(data, Sequence) and data and all(isinstance(row, Mapping) for row in data):
        return read_records_of(data, **told)
    inside = _inside(data)
    if inside is None:
        raise InputError("log.nothing-to-diagnose", kind=type(data).__name__)
    logs = logs_of(inside, **told)
    return [
        replace(log, observations=replace(log.observations, train_loss_is="running-mean")) for log in logs
    ]


def _is_frame(data: Any) -> bool:
    return any(
        name in sys.modules and isinstance(data, sys.modules[name].DataFrame) for name in ("polars", "pandas")
    )


def _inside(data: Any) -> Any:
    """Return the curves that an object of another library holds, None where it holds none."""
    history = getattr(data, "history", None)
    if isinstance(history, Mapping) and history:  # Keras
        epochs = getattr(data, "epoch", None)
        counted = isinstance(epochs, list) and len(epochs) == len(next(iter(history.values())))
        return {"epoch": [epoch + 1 for epoch in epochs], **history} if counted and epochs else history
    for path in (("history_",), ("history",), ("state", "log_history"), ("log_history",)):  # skorch, Trainer
        found = data
        for name in path:
            found = getattr(found, name, None)
        if isinstance(found, list) and found:
            return [*found]
    return None
