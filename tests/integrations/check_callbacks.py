"""The callbacks in the real libraries: what they see, and that the weights come out the same."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import goodfit
from goodfit.training.vitals import compared_at

EPOCHS = 20


def rows(count, seed):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 12)).astype("float32")
    return x, (x[:, 0] - x[:, 1] + draw.normal(size=count) > 0).astype("int64")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 2))


def check_curves(watch, epochs=EPOCHS):
    history = watch.history
    assert history["epoch"].tolist() == list(range(1, epochs + 1))
    for name in ("train_loss", "valid_loss"):
        assert np.isfinite(history[name]).all(), name
    assert history["train_loss"][-1] < history["train_loss"][0]
    return history


def check_vitals(watch, layers):
    vitals = watch.observations.vitals
    assert set(layers) <= set(vitals.layers)
    for layer in layers:
        column = vitals.layers.index(layer)
        later = vitals.epochs > 0
        assert (vitals["gradient_norm"][later, column] > 0).all()
        assert (vitals["update_norm"][later, column] > 0).all()
        compared = np.array([compared_at(int(epoch)) for epoch in vitals.epochs])
        assert (vitals["spread"][later & compared, column] > 0).all()
        assert not (vitals["kept"][later, column] > 0).any()
    assert vitals.epochs[0] == 0
    assert all(fact.has_gradient and fact.optimized for fact in watch.observations.parameters)


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_lightning():
    import lightning as L

    from goodfit.callbacks.lightning import lightning_callback

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def training_step(self, batch, index):
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("train_loss", loss, on_epoch=True)
            return loss

        def validation_step(self, batch, index):
            outputs = self.net(batch[0])
            self.log("val_loss", nn.functional.cross_entropy(outputs, batch[1]))
            self.log("val_acc", (outputs.argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 0.01)

    def trained(callbacks):
        L.seed_everything(0, verbose=False)
        parts = [TensorDataset(*map(torch.from_numpy, part)) for part in (rows(96, 0), rows(400, 1))]
        trainer = L.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            callbacks=callbacks,
        )
        module = Module()
        trainer.fit(module, DataLoader(parts[0], 16, shuffle=True), DataLoader(parts[1], 400))
        return module

    callback = lightning_callback(classes=2)
    seen = trained([callback])
    history = check_curves(callback.watch)
    assert "valid_accuracy" in history
    assert history["step"][-1] == EPOCHS * 6
    check_vitals(callback.watch, ["net.0", "net.3"])
    assert "overfitting" in [finding.code for finding in callback.watch.diagnose()]
    assert same_weights(seen, trained([]))


def test_trainer(tmp_path):
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    from goodfit.callbacks.transformers import trainer_callback

    def sentences(count, seed):
        ids = np.random.default_rng(seed).integers(5, 50, size=(count, 8))
        return [{"input_ids": row, "labels": int(row[0] > row[1])} for row in ids.tolist()]

    def trained(callbacks):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=50,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=16,
        )
        model = BertForSequenceClassification(config)
        arguments = TrainingArguments(
            str(tmp_path),
            num_train_epochs=6,
            per_device_train_batch_size=8,
            learning_rate=5e-3,
            eval_strategy="epoch",
            logging_steps=2,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
        )
        Trainer(
            model,
            arguments,
            train_dataset=sentences(64, 0),
            eval_dataset=sentences(64, 1),
            callbacks=callbacks,
        ).train()
        return model

    callback = trainer_callback(classes=2)
    seen = trained([callback])
    check_curves(callback.watch, 6)
    check_vitals(callback.watch, ["classifier", "bert.encoder.layer.0.output.dense"])
    assert same_weights(seen, trained([]))


@pytest.mark.filterwarnings("ignore")
def test_keras():
    import keras

    from goodfit.callbacks.keras import keras_callback

    def trained(callbacks):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((12,)),
                keras.layers.Dense(128, "relu"),
                keras.layers.Dropout(0.1),
                keras.layers.Dense(1, "sigmoid"),
            ]
        )
        model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
        (x, y), valid = rows(96, 0), rows(400, 1)
        model.fit(x, y, validation_data=valid, epochs=EPOCHS, batch_size=16, verbose=0, callbacks=callbacks)
        return model

    callback = keras_callback(classes=2)
    seen = trained([callback])
    history = check_curves(callback.watch)
    assert {"train_accuracy", "valid_accuracy"} <= set(history)
    vitals = callback.watch.observations.vitals
    assert vitals.kinds == ("Dense", "Dense")
    assert (vitals["gradient_norm"][vitals.epochs > 0] > 0).all()
    assert (vitals["update_norm"][vitals.epochs > 0] > 0).all()
    assert not (vitals["kept"] > 0).any()
    assert "overfitting" in [finding.code for finding in callback.watch.diagnose()]
    other = trained([])
    assert all(np.array_equal(a, b) for a, b in zip(seen.get_weights(), other.get_weights(), strict=True))
    assert goodfit.diagnose(seen.history)[0].code == "overfitting"


def test_skorch():
    from skorch import NeuralNetClassifier

    from goodfit.callbacks.skorch import skorch_callback

    def trained(callbacks):
        x, y = rows(200, 0)
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            network,
            max_epochs=EPOCHS,
            lr=0.01,
            optimizer=torch.optim.Adam,
            criterion=nn.CrossEntropyLoss,
            verbose=0,
            batch_size=16,
            callbacks=callbacks,
        )
        return net.fit(x, y)

    callback = skorch_callback(classes=2)
    seen = trained([callback])
    history = check_curves(callback.watch)
    assert history["valid_loss"].tolist() == [row["valid_loss"] for row in seen.history]
    check_vitals(callback.watch, ["0", "3"])
    assert same_weights(seen.module_, trained([]).module_)
    assert [finding.code for finding in goodfit.diagnose(seen)] == [
        finding.code for finding in goodfit.diagnose(seen.history_)
    ]


def test_accelerate():
    import runpy
    from pathlib import Path

    example = Path(__file__).parents[2] / "examples" / "watch_accelerate.py"
    watch = runpy.run_path(str(example))["watch"]
    check_curves(watch, len(watch.history))
    check_vitals(watch, ["0", "2"])
