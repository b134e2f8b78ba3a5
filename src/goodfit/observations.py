"""What a diagnosis may look at: the History of a training, and what was observed beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from goodfit.errors import InputError
from goodfit.probes import (
    DataSummary,
    LabelProbe,
    ModeProbe,
    NonFiniteOrigin,
    OutputProbe,
    ParameterFacts,
    StartProbe,
)
from goodfit.recipe import Recipe
from goodfit.vitals import Vitals

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["EndedBy", "History", "Observations", "higher_is_better"]

EndedBy = Literal[
    "epochs",
    "patience",
    "stop-at",
    "time-budget",
    "interrupted",
    "dropped",
    "non-finite-loss",
    "diverging",
    "dead-network",
]

_HIGHER = frozenset(
    [
        "accuracy",
        "acc",
        "f1",
        "f1score",
        "auc",
        "auroc",
        "roc",
        "r2",
        "precision",
        "recall",
        "score",
        "kappa",
        "mcc",
        "iou",
        "miou",
        "dice",
        "map",
        "map50",
    ]
)
_LOWER = frozenset(["loss", "error", "brier", "mse", "mae", "rmse", "mape", "perplexity"])


def higher_is_better(name: str) -> bool:
    """Say by its words whether larger values of a curve are better.

    >>> higher_is_better("valid_accuracy"), higher_is_better("val_mape"), higher_is_better("brier_score")
    (True, False, False)
    """
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return bool(words & _HIGHER) and not words & _LOWER


@dataclass(frozen=True, eq=False)
class History:
    """The curves of a training: a row per evaluation, a column per quantity.

    Parameters
    ----------
    columns
        Name to values, all of the same length, NaN where nothing was measured: ``epoch`` (may be
        fractional in logs from elsewhere), ``step``, ``train_loss`` (measured in evaluation mode at the
        epoch's end, comparable with ``valid_loss``), ``running_loss`` (mean over the epoch's batches),
        ``valid_loss``, ``train_<metric>``, ``valid_<metric>``, ``learning_rate``, ``seconds`` so far.
    monitor
        The column that decided the best epoch.
    best_epoch
        The epoch whose weights are kept; None if that is not known.
    ended_by
        What ended the training; None if that is not known.
    """

    columns: Mapping[str, NDArray[np.float64]]
    monitor: str = "valid_loss"
    best_epoch: float | None = None
    ended_by: EndedBy | None = None

    def __post_init__(self) -> None:
        columns = {name: np.array(values, dtype=np.float64) for name, values in self.columns.items()}
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"the columns of a History differ in length: {sorted(lengths)}")
        for values in columns.values():
            values.setflags(write=False)
        object.__setattr__(self, "columns", columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def get(self, name: str) -> NDArray[np.float64] | None:
        """Return a column, or None where there is none or nothing in it was measured."""
        values = self.columns.get(name)
        return None if values is None or np.isnan(values).all() else values

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, without ``train_`` and ``valid_``."""
        names = (
            name.partition("_")[2]
            for name in self.columns
            if name.startswith(("train_", "valid_")) and name[6:] != "loss"
        )
        return tuple(dict.fromkeys(names))

    @property
    def best_row(self) -> int | None:
        """Row of the best epoch."""
        if self.best_epoch is None or "epoch" not in self:
            return None
        rows = np.flatnonzero(self["epoch"] == self.best_epoch)
        return int(rows[-1]) if len(rows) else None

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame with a row per epoch."""
        import polars as pl

        frame = pl.DataFrame(dict(self.columns))
        whole = [name for name in ("epoch", "step") if name in frame and (frame[name] % 1 == 0).all()]
        return frame.with_columns(pl.col(whole).cast(pl.Int64)) if whole else frame

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame with a row per epoch.

        Raises
        ------
        InputError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise InputError("extra.missing", package="pandas", extra="pandas") from None

        frame = pd.DataFrame(dict(self.columns))
        whole = [name for name in ("epoch", "step") if name in frame and (frame[name] % 1 == 0).all()]
        return frame.astype(dict.fromkeys(whole, "int64"))

    def to_csv(self) -> str:
        """Return the curves as CSV; numbers are written so that they come back exactly."""
        return self.to_polars().write_csv()

    @classmethod
    def from_csv(cls, text: str, **facts: Any) -> History:
        """Read curves written by `to_csv`; ``facts`` are the other parameters.

        Raises
        ------
        polars.exceptions.PolarsError
            The text is no table of numbers.
        """
        import polars as pl

        frame = pl.read_csv(io.StringIO(text), infer_schema_length=None)
        return cls(
            {name: frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in frame.columns},
            **facts,
        )

    def facts(self) -> dict[str, Any]:
        """Return what is known beside the curves, as plain data."""
        return {"monitor": self.monitor, "best_epoch": self.best_epoch, "ended_by": self.ended_by}

    def __repr__(self) -> str:
        if not len(self):
            return "<History: no epochs>"
        row = self.best_row if self.best_row is not None else len(self) - 1
        best = (
            f", {self.monitor} {self[self.monitor][row]:.4g} at epoch {self['epoch'][row]:g}"
            if self.monitor in self
            else ""
        )
        epochs = f"{len(self)} epoch{'' if len(self) == 1 else 's'}"
        return f"<History: {epochs}, ended by {self.ended_by or 'unknown'}{best}>"

    def _repr_html_(self) -> str:
        from goodfit.evaluation.text import html_table

        rows = [*range(min(10, len(self))), *range(max(10, len(self) - 10), len(self))]
        lines = [[f"{values[row]:.4g}" for values in self.columns.values()] for row in rows]
        return f"<p>{escape(repr(self))}</p>{html_table([list(self), *lines])}"


@dataclass(frozen=True, eq=False)
class Observations:
    """All that a diagnosis may look at; None where a thing was not observed.

    Parameters
    ----------
    history
        The curves.
    task
        ``binary``, ``multiclass`` or ``regression``.
    classes
        Number of classes.
    train_rows, valid_rows
        Rows trained on and validated on.
    prior_loss
        Validation loss of the best constant prediction (label entropy for classes, the target's
        variance for MSE), in the units of ``valid_loss``.
    train_loss_is
        How ``train_loss`` was measured: at the epoch's end in evaluation mode (ours), or as the mean
        over the epoch while the weights moved (most other logs).
    recipe
        What was trained by.
    vitals
        How the layers were doing at some of the epochs.
    linear_loss
        Validation loss of a linear model on the same rows, in the units of ``valid_loss``.
    start, parameters, non_finite, data, labels, outputs, modes
        See `goodfit.probes`.
    """

    history: History
    task: Literal["binary", "multiclass", "regression"] | None = None
    classes: int | None = None
    train_rows: int | None = None
    valid_rows: int | None = None
    prior_loss: float | None = None
    train_loss_is: Literal["at-epoch-end", "running-mean", "unknown"] = "unknown"
    recipe: Recipe | None = None
    linear_loss: float | None = None
    vitals: Vitals | None = None
    start: StartProbe | None = None
    parameters: tuple[ParameterFacts, ...] | None = None
    non_finite: NonFiniteOrigin | None = None
    data: DataSummary | None = None
    labels: LabelProbe | None = None
    outputs: OutputProbe | None = None
    modes: ModeProbe | None = None

    def plain(self) -> dict[str, Any]:
        """Return all but the History, the Recipe and the vitals, which have files of their own, for JSON."""
        kept = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in ("history", "recipe", "vitals")
        }
        return {name: _plain(value) for name, value in kept.items()}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], **others: Any) -> Observations:
        """Rebuild observations from `plain`; ``others`` are what has files of its own.

        What another version wrote and this one does not know is left out.
        """
        probes: dict[str, Any] = {
            "start": StartProbe,
            "parameters": tuple[ParameterFacts, ...],
            "non_finite": NonFiniteOrigin,
            "data": DataSummary,
            "labels": LabelProbe,
            "outputs": OutputProbe,
            "modes": ModeProbe,
        }
        known = {item.name for item in fields(cls)}
        read = {
            name: TypeAdapter(probes[name]).validate_python(value)
            if name in probes and value is not None
            else value
            for name, value in data.items()
            if name in known
        }
        return cls(**read, **others)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
