"""Lightning at its fairest: no logger, no checkpoints, no progress bar, no summary, no sanity check."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from clock import Clock
from jobs import WARM_UP, Job, asked
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from torch_network import make_network, make_tensors, read_arrays


class Module(lightning.LightningModule):
    def __init__(self, job: Job) -> None:
        super().__init__()
        self.network, self.learning_rate = make_network(job), job.learning_rate

    def training_step(self, batch: Any, number: int) -> Tensor:
        inputs, target = batch
        return F.cross_entropy(self.network(inputs), target)

    def validation_step(self, batch: Any, number: int) -> None:
        inputs, target = batch
        outputs = self.network(inputs)
        self.log("valid_loss", F.cross_entropy(outputs, target))
        self.log("valid_accuracy", (outputs.argmax(1) == target).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate, fused=True)


class Ends(lightning.Callback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self.clock.epoch()


def main() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    job, folder, _ = asked()
    clock = Clock()
    x, y, valid_x, valid_y = make_tensors(read_arrays(job, folder))
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=WARM_UP + job.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[Ends(clock)],
    )
    trainer.fit(
        Module(job),
        DataLoader(TensorDataset(x, y), batch_size=job.batch_size, shuffle=True),
        DataLoader(TensorDataset(valid_x, valid_y), batch_size=max(job.batch_size, 1024)),
    )
    clock.report(job, threads=torch.get_num_threads(), version=lightning.__version__)


main()
