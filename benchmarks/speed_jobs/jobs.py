"""The jobs that every peer does: the same rows, the same network, the same number of steps."""

from __future__ import annotations

import argparse
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
"""Inputs and labels to train on, inputs and labels to validate with after each epoch."""

SEED = 0
WARM_UP = 1
"""Epochs before the clock starts: what is compiled, allocated or cached once is not a cost of a step."""


@dataclass(frozen=True)
class Job:
    """A network, rows and how they are trained.

    Parameters
    ----------
    layers
        Units of an MLP from inputs to classes; empty for the convolutional network.
    epochs
        How many are timed.
    threads
        What ``OMP_NUM_THREADS`` is set to for every peer; 0 for the number of cores.
    """

    name: str
    title: str
    layers: tuple[int, ...]
    rows: int
    valid_rows: int
    batch_size: int
    learning_rate: float
    epochs: int
    threads: int

    @property
    def steps(self) -> int:
        """Updates of an epoch; the last batch may hold fewer rows."""
        return -(-self.rows // self.batch_size)


JOBS = {
    "small": Job(
        "small",
        "2-10-2, 600 rows, batch 32",
        layers=(2, 10, 2),
        rows=600,
        valid_rows=200,
        batch_size=32,
        learning_rate=1e-2,
        epochs=100,
        threads=1,
    ),
    "middle": Job(
        "middle",
        "50-256-256-10, 100,000 rows, batch 256",
        layers=(50, 256, 256, 10),
        rows=100_000,
        valid_rows=10_000,
        batch_size=256,
        learning_rate=1e-3,
        epochs=4,
        threads=0,
    ),
    "image": Job(
        "image",
        "28x28, two convolutions of 16 and 32 channels with pooling, 64 units, batch 64",
        layers=(),
        rows=12_000,
        valid_rows=2_000,
        batch_size=64,
        learning_rate=1e-3,
        epochs=2,
        threads=0,
    ),
}


def write_arrays(job: Job, folder: Path, data: Path | None) -> str:
    """Write the job's rows into ``folder`` and say what they are."""
    arrays, origin = _images(job, data) if not job.layers else (_classes(job), "synthetic")
    for name, array in zip(("x", "y", "valid_x", "valid_y"), arrays, strict=True):
        np.save(folder / f"{job.name}-{name}.npy", array)
    return origin


def read_arrays(job: Job, folder: Path) -> Arrays:
    """Return the rows that `write_arrays` wrote."""
    x, y, valid_x, valid_y = (
        np.load(folder / f"{job.name}-{name}.npy") for name in ("x", "y", "valid_x", "valid_y")
    )
    return x, y, valid_x, valid_y


def asked() -> tuple[Job, Path, argparse.Namespace]:
    """Return the job and the folder that the command line of a peer names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variant", default="")
    given = parser.parse_args()
    return JOBS[given.job], given.folder, given


def _classes(job: Job) -> Arrays:
    random = np.random.default_rng(SEED)
    count = job.rows + job.valid_rows
    x = random.standard_normal((count, job.layers[0]), dtype=np.float32)
    teacher = random.standard_normal((job.layers[0], 16), dtype=np.float32)
    outer = random.standard_normal((16, job.layers[-1]), dtype=np.float32)
    y = (np.tanh(x @ teacher) @ outer).argmax(1)
    return x[: job.rows], y[: job.rows], x[job.rows :], y[job.rows :]


def _images(job: Job, data: Path | None) -> tuple[Arrays, str]:
    if data is None:
        random = np.random.default_rng(SEED)
        count = job.rows + job.valid_rows
        y = random.integers(0, 10, count)
        kinds = random.standard_normal((10, 1, 28, 28), dtype=np.float32)
        x = kinds[y] + random.standard_normal((count, 1, 28, 28), dtype=np.float32)
        return (x[: job.rows], y[: job.rows], x[job.rows :], y[job.rows :]), "synthetic (no --data DIR)"
    folder = data / "fashion_mnist"
    x, y = (_idx(folder / f"train-{name}-ubyte.gz")[: job.rows] for name in ("images-idx3", "labels-idx1"))
    valid_x, valid_y = (
        _idx(folder / f"t10k-{name}-ubyte.gz")[: job.valid_rows] for name in ("images-idx3", "labels-idx1")
    )
    return (_pixels(x), y.astype(np.int64), _pixels(valid_x), valid_y.astype(np.int64)), "Fashion-MNIST"


def _idx(path: Path) -> NDArray[np.uint8]:
    with gzip.open(path) as file:
        content = file.read()
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return ((images[:, None] / np.float32(255)) - np.float32(0.2860)) / np.float32(0.3530)
