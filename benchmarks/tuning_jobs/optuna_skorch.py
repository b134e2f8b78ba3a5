"""Optuna around skorch, with its early stopping and its pruning by the epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import torch
from asked import ASKED, Clock, OutOfTime, arrays, study, suggest
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch_parts import factor, loss, network, outputs


class Reports(Callback):
    def __init__(self, trial: Any, clock: Clock) -> None:
        self.trial, self.clock = trial, clock

    def on_epoch_end(self, net: Any, **more: Any) -> None:
        value = net.history[-1, "valid_loss"]
        self.clock.tell(value)
        self.trial.report(value, len(net.history) - 1)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def main() -> None:
    x, y, valid_x, valid_y = arrays()
    if ASKED["classes"]:
        y, valid_y = y.astype(np.int64), valid_y.astype(np.int64)
    else:
        y = y.astype(np.float32).reshape(len(y), -1)
        valid_y = valid_y.astype(np.float32).reshape(len(valid_y), -1)
    steps = ASKED["epochs"] * -(-len(x) // ASKED["batch_size"])
    torch.manual_seed(ASKED["seed"])
    clock = Clock()

    def objective(trial: Any) -> float:
        clock.trials += 1
        point = suggest(trial)
        callbacks: list[Any] = [
            ("reports", Reports(trial, clock)),
            ("stop", EarlyStopping(patience=ASKED["patience"], sink=lambda text: None)),
        ]
        if point["schedule"] == "cosine":
            rule = lambda step: factor(point, min(step, steps), steps)  # noqa: E731
            callbacks.append(
                ("rate", LRScheduler(torch.optim.lr_scheduler.LambdaLR, lr_lambda=rule, step_every="batch"))
            )
        net = NeuralNet(
            network(point, x.shape[1], outputs(y)),
            criterion=type(loss()),
            optimizer=torch.optim.AdamW,
            optimizer__fused=True,
            optimizer__weight_decay=point["weight_decay"],
            lr=point["learning_rate"],
            batch_size=ASKED["batch_size"],
            max_epochs=ASKED["epochs"],
            iterator_train__shuffle=True,
            iterator_valid__batch_size=4096,
            train_split=predefined_split(Dataset(valid_x, valid_y)),
            callbacks=callbacks,
            verbose=0,
        )
        net.fit(x, y)
        return float(min(net.history[:, "valid_loss"]))

    try:
        study().optimize(objective)
    except OutOfTime:
        clock.report()


main()
