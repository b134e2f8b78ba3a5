"""Make the logs in ``fixtures/`` by really training with each library.

Run in an environment that has them (``make .venv-integrations/.installed`` makes one); skorch, tensorboard
and mlflow-skinny are needed beside Lightning, Keras and transformers::

    KERAS_BACKEND=torch python tests/diagnosis/readers/make_fixtures.py [NAME...]

Each function trains a small network on rows that it makes up, and writes what the library itself logs.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent / "fixtures"
EPOCHS = 30


def rows(count, seed=0):
    """Two classes that overlap, so that a wide network overfits them."""
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(count, 12)).astype("float32")
    chance = 1 / (1 + np.exp(-2 * inputs[:, 0] + inputs[:, 1] * inputs[:, 2]))
    return inputs, (draw.random(count) < chance).astype("int64")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 2))


def keras_logs():
    import keras

    keras.utils.set_random_seed(0)
    (x, y), (vx, vy) = rows(96), rows(200, 1)
    model = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    log = keras.callbacks.CSVLogger(HERE / "keras_csv_logger.csv")
    history = model.fit(
        x, y, validation_data=(vx, vy), epochs=EPOCHS, batch_size=16, verbose=0, callbacks=[log]
    )
    (HERE / "keras_history.json").write_text(json.dumps(history.history))


def lightning_logs():
    import lightning as L
    from lightning.pytorch.loggers import CSVLogger
    from torch.utils.data import DataLoader, TensorDataset

    class Module(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def training_step(self, batch, index):
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch, index):
            outputs = self.net(batch[0])
            self.log("val_loss", nn.functional.cross_entropy(outputs, batch[1]))
            self.log("val_acc", (outputs.argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 0.01)

    L.seed_everything(0, verbose=False)
    parts = [TensorDataset(*map(torch.from_numpy, part)) for part in (rows(96), rows(200, 1))]
    with tempfile.TemporaryDirectory() as folder:
        logger = CSVLogger(folder, name="logs")
        trainer = L.Trainer(
            max_epochs=EPOCHS,
            logger=logger,
            accelerator="cpu",
            log_every_n_steps=3,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        trainer.fit(Module(), DataLoader(parts[0], 16, shuffle=True), DataLoader(parts[1], 200))
        logger.save()
        shutil.copy(Path(logger.log_dir) / "metrics.csv", HERE / "lightning_metrics.csv")


def trainer_logs():
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    torch.manual_seed(0)
    draw = np.random.default_rng(0)

    def sentences(count):
        ids = draw.integers(5, 50, size=(count, 8))
        return [{"input_ids": row, "labels": int(row[0] > row[1])} for row in ids.tolist()]

    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=12,
            per_device_train_batch_size=8,
            learning_rate=5e-3,
            eval_strategy="epoch",
            logging_steps=3,
            report_to=[],
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = Trainer(
            BertForSequenceClassification(config),
            arguments,
            train_dataset=sentences(64),
            eval_dataset=sentences(64),
        )
        trainer.train()
        trainer.save_state()
        shutil.copy(Path(folder) / "trainer_state.json", HERE / "trainer_state.json")


def skorch_logs():
    from skorch import NeuralNetClassifier

    x, y = rows(160)
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        network, max_epochs=EPOCHS, lr=0.1, criterion=nn.CrossEntropyLoss, verbose=0, batch_size=32
    )
    net.fit(x, y)
    net.history.to_file(HERE / "skorch_history.json")


def losses():
    """Train by an own loop; yields step, training loss, validation loss."""
    (x, y), (vx, vy) = (tuple(map(torch.from_numpy, part)) for part in (rows(96), rows(200, 1)))
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for step in range(EPOCHS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            yield step, loss.item(), nn.functional.cross_entropy(net(vx), vy).item()


def tensorboard_logs():
    from tensorboard.summary import Writer
    from torch.utils.tensorboard import SummaryWriter

    shutil.rmtree(HERE / "tensorboard", ignore_errors=True)
    with SummaryWriter(str(HERE / "tensorboard" / "one")) as writer:
        for step, train, valid in losses():
            writer.add_scalar("Loss/train", train, step)
            writer.add_scalar("Loss/val", valid, step)
    # As Keras's callback does: two folders, scalars as tensors.
    parts = {name: Writer(str(HERE / "tensorboard" / "two" / name)) for name in ("train", "validation")}
    for step, train, valid in losses():
        parts["train"].add_scalar("epoch_loss", train, step)
        parts["validation"].add_scalar("epoch_loss", valid, step)
    for writer in parts.values():
        writer.close()
    for number, file in enumerate(sorted(HERE.glob("tensorboard/**/events.*"))):
        # The name holds the machine's name otherwise.
        file.rename(file.with_name(f"events.out.tfevents.{1700000000 + number}.host"))


def mlflow_logs():
    os.environ |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    import mlflow

    with tempfile.TemporaryDirectory() as parent:
        folder = f"{parent}/mlruns"
        mlflow.set_tracking_uri(f"file:{folder}")
        mlflow.set_experiment("own loop")
        with mlflow.start_run() as run:
            for step, train, valid in losses():
                mlflow.log_metric("train_loss", train, step=step)
                mlflow.log_metric("val_loss", valid, step=step)
        found = next(Path(folder).glob(f"*/{run.info.run_id}/metrics"))
        shutil.copytree(found, HERE / "mlflow" / "metrics", dirs_exist_ok=True)


def fastai_logs():
    from fastai.callback.progress import CSVLogger
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.metrics import accuracy
    from torch.utils.data import DataLoader, TensorDataset

    parts = [TensorDataset(*map(torch.from_numpy, part)) for part in (rows(96), rows(200, 1))]
    data = DataLoaders(DataLoader(parts[0], 16, shuffle=True), DataLoader(parts[1], 200))
    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(
            data, network(), loss_func=nn.CrossEntropyLoss(), metrics=accuracy, path=folder, cbs=CSVLogger()
        )
        with learner.no_bar():
            learner.fit(EPOCHS, 0.01)
        shutil.copy(Path(folder) / "history.csv", HERE / "fastai_history.csv")


MAKERS = {
    name.removesuffix("_logs"): function
    for name, function in list(globals().items())
    if name.endswith("_logs")
}

if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name in sys.argv[1:] or MAKERS:
        try:
            MAKERS[name]()
        except ImportError as missing:
            print(f"{name}: left as it is ({missing})")
        else:
            print(f"{name}: made")
