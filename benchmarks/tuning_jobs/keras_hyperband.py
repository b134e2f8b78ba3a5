"""KerasTuner's Hyperband on Keras."""

from __future__ import annotations

import contextlib
import tempfile
import time
from typing import Any

import keras
import keras_tuner
from asked import ASKED, Clock, OutOfTime, arrays

CLOCK = Clock()


class Reports(keras.callbacks.Callback):  # the tuner copies it for each trial, so the clock is nobody's
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        CLOCK.tell(logs["val_loss"])


def main() -> None:
    x, y, valid_x, valid_y = arrays()
    steps = ASKED["epochs"] * -(-len(x) // ASKED["batch_size"])
    keras.utils.set_random_seed(ASKED["seed"])
    CLOCK.begun = time.perf_counter()

    def build(space: Any) -> Any:
        CLOCK.trials += 1
        rate: Any = space.Float("learning_rate", *ASKED["learning_rate"], sampling="log")
        decay = space.Float("weight_decay", *ASKED["weight_decay"], sampling="log")
        low, high, step = ASKED["dropout"]
        dropout = space.Float("dropout", low, high, step=step)
        if space.Choice("schedule", ASKED["schedule"]) == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        layers: list[Any] = [keras.Input((x.shape[1],))]
        for units in space.Choice("hidden", ASKED["hidden"]).split(","):
            layers += [keras.layers.Dense(int(units), activation="relu"), keras.layers.Dropout(dropout)]
        classes = ASKED["classes"]
        model = keras.Sequential([*layers, keras.layers.Dense(classes or y.reshape(len(y), -1).shape[1])])
        crossed = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
        model.compile(optimizer, crossed if classes else "mse")
        return model

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.Hyperband(
            build,
            objective="val_loss",
            max_epochs=ASKED["epochs"],
            factor=3,
            hyperband_iterations=1000,
            seed=ASKED["seed"],
            directory=folder,
        )
        stop = keras.callbacks.EarlyStopping("val_loss", patience=ASKED["patience"])
        with contextlib.suppress(OutOfTime):
            tuner.search(
                x,
                y,
                batch_size=ASKED["batch_size"],
                validation_data=(valid_x, valid_y),
                validation_batch_size=4096,
                callbacks=[stop, Reports()],
                verbose=0,
            )
    CLOCK.report()


main()
