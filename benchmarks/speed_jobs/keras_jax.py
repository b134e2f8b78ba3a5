"""Keras on JAX, its own fit loop; ``--variant many`` lets it do 16 steps a call (steps_per_execution)."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"

from typing import Any

import keras
from clock import Clock
from jobs import SEED, WARM_UP, Job, asked, read_arrays
from keras import layers


class Ends(keras.callbacks.Callback):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.clock.epoch()


def make_network(job: Job) -> keras.Sequential:
    keras.utils.set_random_seed(SEED)
    if job.layers:
        hidden = [layers.Dense(units, activation="relu") for units in job.layers[1:-1]]
        return keras.Sequential([layers.Input((job.layers[0],)), *hidden, layers.Dense(job.layers[-1])])
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )


def main() -> None:
    job, folder, given = asked()
    clock = Clock()
    x, y, valid_x, valid_y = read_arrays(job, folder)
    if not job.layers:  # channels last, which is what its convolutions are made for
        x, valid_x = x.reshape(-1, 28, 28, 1), valid_x.reshape(-1, 28, 28, 1)
    network = make_network(job)
    network.compile(
        optimizer=keras.optimizers.Adam(job.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=16 if given.variant == "many" else 1,
    )
    network.fit(
        x, y,
        batch_size=job.batch_size,
        epochs=WARM_UP + job.epochs,
        validation_data=(valid_x, valid_y),
        validation_batch_size=max(job.batch_size, 1024),
        callbacks=[Ends(clock)],
        verbose=0,
    )  # fmt: skip
    clock.report(job, version=keras.__version__)


main()
