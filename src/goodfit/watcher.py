"""goodfit.watch: the same eyes on a training loop that is not ours.

Nothing that is measured changes the training: few rows that have just been trained on go through the network
once more, and modes, buffers and random states are put back as they were.
"""

from __future__ import annotations

import math
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from goodfit.diagnosis.diagnose import diagnose, missing_evidence
from goodfit.diagnosis.readers.columns import read_name
from goodfit.errors import InputError
from goodfit.finding import Finding
from goodfit.observations import History, Observations
from goodfit.probes import StartProbe
from goodfit.training.watched_layers import WatchedLayers
from goodfit.vitals import to_vitals

if TYPE_CHECKING:
    from goodfit.diagnosis.readers.log import TrainLossIs

__all__ = ["Watch", "watch"]


def watch(
    model: nn.Module,
    optimizer: Optimizer | None = None,
    *,
    loss: str | None = None,
    classes: int | None = None,
    prior_loss: float | None = None,
    train_rows: int | None = None,
    validation_rows: int | None = None,
    vitals: bool = True,
    name: str = "watch",
) -> Watch:
    """Watch a training loop, whoever wrote it, and diagnose it.

    Call `Watch.step` after each update and `Watch.epoch` after each epoch; `Watch.diagnose` says what is
    wrong. The weights come out bit for bit as without it.

    Parameters
    ----------
    model
        The network that the loop trains.
    optimizer
        What updates it. Without one, the layers are looked at whenever `Watch.step` is called.
    loss
        Name of what is minimised, such as ``cross_entropy`` or ``mse``; with ``classes``, it tells what
        guessing would reach.
    classes
        Number of classes.
    prior_loss
        Loss of the best constant prediction, in the units of the validation loss.
    train_rows, validation_rows
        How many there are.
    vitals
        Whether to look at the layers, too.

    Examples
    --------
    >>> import goodfit
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(64, 3)
    >>> y = x.sum(dim=1, keepdim=True)
    >>> net = torch.nn.Linear(3, 1)
    >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> with goodfit.watch(net, optimizer) as watch:
    ...     for _ in range(3):
    ...         optimizer.zero_grad()
    ...         loss = torch.nn.functional.mse_loss(net(x), y)
    ...         loss.backward()
    ...         optimizer.step()
    ...         watch.step(loss)
    ...         watch.epoch(valid_loss=loss.item())
    >>> watch.history
    <History: 3 epochs, ended by unknown, valid_loss ... at epoch 3>
    """
    eyes = Watch(
        model,
        optimizer,
        loss=loss,
        classes=classes,
        prior_loss=prior_loss,
        train_rows=train_rows,
        validation_rows=validation_rows,
        vitals=vitals,
        name=name,
    )
    eyes.follow()
    return eyes


class Watch:
    """What `watch` returns.

    Loops with callbacks drive it themselves: `before_update` between the backward pass and the update,
    `after_update` after it.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None = None,
        *,
        loss: str | None = None,
        classes: int | None = None,
        prior_loss: float | None = None,
        train_rows: int | None = None,
        validation_rows: int | None = None,
        vitals: bool = True,
        name: str = "watch",
    ) -> None:
        if not isinstance(model, nn.Module):
            raise InputError("watch.not-a-module", kind=type(model).__name__)
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise InputError("watch.not-an-optimizer", kind=type(optimizer).__name__)
        wrapped = getattr(model, "module", None)
        parallel = type(model).__name__ in ("DistributedDataParallel", "DataParallel")
        self.name = name
        inside = getattr(optimizer, "optimizer", None)  # Accelerate's and Lightning's wrap torch's
        optimizer = inside if isinstance(inside, Optimizer) else optimizer
        self._model: nn.Module = wrapped if parallel and isinstance(wrapped, nn.Module) else model
        self._optimizer = optimizer
        self._facts: dict[str, Any] = {
            # What guessing reaches is log(classes) for log losses only.
            "classes": classes if loss in (None, "cross_entropy", "bce") else None,
            "prior_loss": prior_loss,
            "train_rows": train_rows,
            "valid_rows": validation_rows,
            "task": _task(loss, classes),
        }
        self._layers = WatchedLayers(self._model, optimizer, wanted=vitals)
        self._rows: list[dict[str, float]] = []
        self._given_train_loss = False
        self._epoch = 0
        self._steps = 0
        self._sum: Tensor | float = 0.0
        self._losses = 0
        self._start_loss: float | None = None
        self._began = perf_counter()

    def follow(self) -> None:
        """Notice every update of the optimizer, if there is one."""
        self._layers.follow()

    def step(self, loss: Tensor | float | None = None) -> None:
        """Note one update and the loss of its batch; nothing waits for the device."""
        if not self._layers.followed:
            self._layers.updated()
        self.note_loss(loss)

    def note_loss(self, loss: Tensor | float | None) -> None:
        """Note the loss of a batch."""
        if loss is None:
            return
        value = loss.detach() if isinstance(loss, Tensor) else float(loss)
        if self._steps == 0:
            self._start_loss = float(value)
        self._steps += 1
        self._losses += 1
        double = isinstance(value, Tensor) and value.device.type != "mps"
        self._sum = self._sum + (value.double() if double and isinstance(value, Tensor) else value)

    def epoch(
        self,
        train_loss: float | Tensor | None = None,
        valid_loss: float | Tensor | None = None,
        *,
        epoch: float | None = None,
        **metrics: float | Tensor | None,
    ) -> None:
        """Note what an epoch has come to.

        Parameters
        ----------
        train_loss
            By default the mean of the losses given to `step` since the last epoch.
        valid_loss
            Loss on rows that are not trained on.
        epoch
            Its number; by default they are counted from 1.
        metrics
            Others by name, such as ``valid_accuracy``; one of no stated part counts as the validation's.
        """
        self._epoch += 1
        row = {
            "epoch": float(self._epoch if epoch is None else epoch),
            "step": float(self._layers.updates or self._steps),
        }
        if self._losses:
            row["running_loss"] = float(self._sum) / self._losses
        if train_loss is not None:
            self._given_train_loss = True
            row["train_loss"] = float(train_loss)
        elif self._losses:
            row["train_loss"] = row["running_loss"]
        if valid_loss is not None:
            row["valid_loss"] = float(valid_loss)
        row |= {_metric(name): float(value) for name, value in metrics.items() if value is not None}
        if self._optimizer is not None and self._optimizer.param_groups:
            row["learning_rate"] = float(self._optimizer.param_groups[0]["lr"])
        row["seconds"] = perf_counter() - self._began
        self._rows.append(row)
        self._layers.end_epoch(row["epoch"], finite=math.isfinite(row.get("train_loss", 0.0)))
        self._sum, self._losses = 0.0, 0

    def before_update(self) -> None:
        """Look at the gradients, which are whole now; an optimizer that is followed calls it itself."""
        self._layers.before_update()

    def after_update(self) -> None:
        """Look at the update that was made, and at the layers after it."""
        self._layers.after_update()

    def diagnose(self) -> list[Finding]:
        """Return what is wrong so far, the most severe and surest first."""
        return diagnose(self.observations)

    @property
    def history(self) -> History:
        """The curves so far, a row per epoch."""
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        first = [
            name for name in ("epoch", "step", "train_loss", "running_loss", "valid_loss") if name in names
        ]
        names = first + [name for name in names if name not in first]
        columns = {name: np.array([row.get(name, np.nan) for row in self._rows]) for name in names}
        lost = bool(self._rows) and any(
            not math.isfinite(self._rows[-1].get(name, 0.0)) for name in ("train_loss", "running_loss")
        )
        return History(columns, ended_by="non-finite-loss" if lost else None)

    @property
    def observations(self) -> Observations:
        """All that was seen so far."""
        measured: TrainLossIs = "unknown" if self._given_train_loss else "running-mean"
        start = self._start_loss
        facts = self._facts | {
            "vitals": to_vitals(self._layers.rows) if self._layers.rows else None,
            "start": None if start is None else StartProbe(start if math.isfinite(start) else None),
            "parameters": self._layers.parameters,
        }
        return Observations(self.history, train_loss_is=measured, **facts)

    def report(self, path: str | Path, *, language: str = "en") -> Path:
        """Write what is known so far as one self-contained HTML file and return its path."""
        from goodfit.files import write_atomically
        from goodfit.report.parts import ReportParts
        from goodfit.report.render import render_report

        seen = self.observations
        parts = ReportParts(
            name=self.name,
            history=seen.history,
            findings=diagnose(seen),
            task=seen.task,
            untold=missing_evidence(seen),
            network=str(self._model).splitlines(),
            parameters=sum(weight.numel() for weight in self._model.parameters()),
        )
        write_atomically(Path(path), render_report(parts, language))
        return Path(path)

    def close(self) -> None:
        """Stop watching; what was seen stays."""
        self._layers.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self.close()
        return False

    def __repr__(self) -> str:
        return f"<Watch {self.name}: {self._layers.updates or self._steps} steps, {len(self._rows)} epochs>"


def _metric(name: str) -> str:
    read = read_name(name)
    part = "train" if read.part == "train" else "valid"
    return f"{part}_{read.quantity}"


def _task(loss: str | None, classes: int | None) -> Literal["binary", "multiclass", "regression"] | None:
    if classes is not None:
        return "binary" if classes == 2 else "multiclass"
    if loss in ("mse", "mae", "huber", "smooth_l1"):
        return "regression"
    return "binary" if loss == "bce" else "multiclass" if loss == "cross_entropy" else None
