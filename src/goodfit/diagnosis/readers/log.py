"""Log: the curves of one training that was logged elsewhere, as read and as understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from goodfit.messages import Message
from goodfit.observations import Observations

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Log", "RawLog", "TrainLossIs"]

TrainLossIs = Literal["at-epoch-end", "running-mean", "unknown"]


@dataclass(frozen=True, eq=False)
class Log:
    """One training, ready to be diagnosed.

    Parameters
    ----------
    name
        What it is called: its file, and which run of the file.
    observations
        What the log tells of it.
    notes
        What was noticed while reading.
    format
        Who wrote it, such as ``keras-history`` or ``table``.
    """

    name: str
    observations: Observations
    notes: tuple[Message, ...] = ()
    format: str = "table"

    def __repr__(self) -> str:
        return f"<Log {self.name}: {self.format}, {len(self.observations.history)} points>"


@dataclass(frozen=True, eq=False)
class RawLog:
    """What a file holds, before its columns are understood.

    Parameters
    ----------
    table
        A row per record: numbers (null where nothing was logged, NaN where NaN was), or text.
    train_loss_is
        How this format's training loss is measured.
    metrics_of
        What a metric without ``train`` or ``valid`` in its name was measured on; None: judge by the others.
    train_rows, valid_rows
        Where the log tells them.
    """

    name: str
    table: pl.DataFrame
    format: str = "table"
    train_loss_is: TrainLossIs = "unknown"
    metrics_of: Literal["train", "valid"] | None = None
    train_rows: int | None = None
    valid_rows: int | None = None
    notes: tuple[Message, ...] = ()
