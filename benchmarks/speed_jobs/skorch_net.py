"""skorch's NeuralNetClassifier, nothing printed, the same validation rows."""

from __future__ import annotations

from typing import Any

import skorch
import torch
from clock import Clock
from jobs import WARM_UP, asked
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn
from torch_network import make_network, read_arrays


class Ends(Callback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_end(self, net: Any, **more: Any) -> None:
        self.clock.epoch()


def main() -> None:
    job, folder, _ = asked()
    clock = Clock()
    x, y, valid_x, valid_y = read_arrays(job, folder)
    net = NeuralNetClassifier(
        make_network(job),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=job.learning_rate,
        batch_size=job.batch_size,
        max_epochs=WARM_UP + job.epochs,
        iterator_train__shuffle=True,
        train_split=predefined_split(Dataset(valid_x, valid_y)),
        callbacks=[("ends", Ends(clock))],
        verbose=0,
    )
    net.fit(x, y)
    clock.report(job, threads=torch.get_num_threads(), version=skorch.__version__)


main()
