"""`goodfit.train` with everything on: history, metrics, best weights, progress, diagnosis at the end.

The display is forced to draw, into the void. The diagnosis is not part of a step; what lies before the first
and after the last epoch is reported on its own. ``--variant vitals`` has the vitals measured too.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch
from clock import Clock
from jobs import WARM_UP, Job, asked
from rich.console import Console
from torch_network import make_network, make_tensors, read_arrays

import goodfit
from goodfit.workflow.progress import Progress


class Watched(Progress):
    """The display, and the clock that notes the end of each epoch."""

    clock: Clock | None = None
    threads = 0

    def epoch(self, row: Any) -> None:
        self.threads = torch.get_num_threads()
        if self.clock is not None:
            self.clock.epoch()
        super().epoch(row)


def train(job: Job, data: tuple, epochs: int, vitals: bool, clock: Clock | None) -> Watched:
    x, y, valid_x, valid_y = data
    with Path(os.devnull).open("w") as void:
        shown = Watched(goodfit.Recipe(epochs=epochs), console=Console(file=void, force_terminal=True))
        shown.clock = clock
        goodfit.train(
            (x, y),
            valid=(valid_x, valid_y),
            model=make_network(job),
            loss="cross_entropy",
            optimizer="adam",
            learning_rate=job.learning_rate,
            batch_size=job.batch_size,
            epochs=epochs,
            patience=None,
            progress=shown,
            vitals=vitals,
        )
    return shown


def main() -> None:
    job, folder, given = asked()
    vitals = given.variant == "vitals"
    few = make_tensors(tuple(array[:100] for array in read_arrays(job, folder)))
    train(job, few, 1, vitals, None)
    del few
    clock = Clock()
    data = make_tensors(read_arrays(job, folder))
    start = time.perf_counter()
    shown = train(job, data, WARM_UP + job.epochs, vitals, clock)
    whole = time.perf_counter() - start
    clock.report(job, threads=shown.threads, version=goodfit.__version__, whole=whole)


main()
