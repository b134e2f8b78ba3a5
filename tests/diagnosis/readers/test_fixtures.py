"""Logs that the libraries themselves wrote; see make_fixtures.py."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from goodfit.diagnosis.diagnose import diagnose
from goodfit.diagnosis.readers.read import read_logs

FIXTURES = Path(__file__).parent / "fixtures"
# Path, format, how the training loss was measured, first and last epoch, points, first losses
KNOWN = [
    ("keras_csv_logger.csv", "keras", "running-mean", (1, 30), 30, (0.72893983, 0.63618832)),
    ("keras_history.json", "keras-history", "running-mean", (1, 30), 30, (0.72893983, 0.63618832)),
    ("lightning_metrics.csv", "lightning", "running-mean", (1, 30), 30, None),
    ("trainer_state.json", "trainer-state", "running-mean", (1, 12), 12, (0.69640458, 0.69435280)),
    ("skorch_history.json", "skorch", "running-mean", (1, 30), 30, (0.69185815, 0.64349490)),
    ("mlflow", "mlflow", "unknown", (1, 30), 30, (0.68684190, 0.65583592)),
    ("tensorboard/one", "tensorboard", "unknown", (1, 30), 30, (0.68684190, 0.65583592)),
    ("tensorboard/two", "tensorboard", "unknown", (1, 30), 30, (0.68684190, 0.65583592)),
    ("fastai_history.csv", "fastai", "running-mean", (1, 30), 30, None),
]


@pytest.mark.parametrize(("path", "format", "measured", "epochs", "points", "first"), KNOWN)
def test_each_library_s_log_is_read(path, format, measured, epochs, points, first):
    (log,) = read_logs(FIXTURES / path)
    history = log.observations.history
    assert (log.format, log.observations.train_loss_is) == (format, measured)
    assert (history["epoch"][0], history["epoch"][-1]) == epochs
    assert len(history) == points
    assert np.isfinite(history["train_loss"]).all()
    assert np.isfinite(history["valid_loss"]).all()
    if first is not None:
        assert (history["train_loss"][0], history["valid_loss"][0]) == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize(
    "path", ["keras_csv_logger.csv", "lightning_metrics.csv", "mlflow", "tensorboard/two"]
)
def test_the_overfitting_is_found_in_each(path):
    (log,) = read_logs(FIXTURES / path)
    assert diagnose(log.observations)[0].code == "overfitting"


def test_lightning_s_mean_over_the_epoch_is_taken_before_its_steps():
    lines = (FIXTURES / "lightning_metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    first = next(
        row
        for line in lines[1:]
        if (row := dict(zip(names, line.split(","), strict=True)))["train_loss_epoch"]
    )
    (log,) = read_logs(FIXTURES / "lightning_metrics.csv")
    assert log.observations.history["train_loss"][0] == float(first["train_loss_epoch"])
    assert log.observations.history["step"][0] == float(first["step"])


def test_hugging_face_s_learning_rate_and_gradient_norm_are_kept():
    (log,) = read_logs(FIXTURES / "trainer_state.json")
    assert log.observations.history["learning_rate"][0] == pytest.approx(0.00473958, rel=1e-4)
    assert np.isfinite(log.observations.history["gradient_norm"]).all()


def test_skorch_s_batches_tell_how_many_rows_there_were():
    (log,) = read_logs(FIXTURES / "skorch_history.json")
    assert (log.observations.train_rows, log.observations.valid_rows) == (128, 32)


def test_a_folder_of_all_tells_them_apart(tmp_path):
    shutil.copytree(FIXTURES, tmp_path / "all")
    names = {log.name for log in read_logs(tmp_path / "all")}
    assert {"keras_history", "tensorboard/one", "tensorboard/two", "mlflow"} <= names
    assert len(names) == len(KNOWN)


@pytest.mark.parametrize("left", [0.0, 0.31, 0.5, 0.97])
def test_a_cut_off_event_file_is_read_up_to_there(tmp_path, left):
    whole = next((FIXTURES / "tensorboard" / "one").iterdir()).read_bytes()
    file = tmp_path / "events.out.tfevents.1.host"
    file.write_bytes(whole[: max(60, int(left * len(whole)))])
    if left < 0.1:
        with pytest.raises(ValueError, match=r"curves|not a log"):
            read_logs(file)
        return
    (log,) = read_logs(file)
    assert len(log.observations.history) == pytest.approx(30 * left, abs=2)
    assert [note.code for note in log.notes if "damaged" in note.code]


@pytest.mark.parametrize("at", [300, 1000, 2000, 2890])
def test_an_event_file_with_one_wrong_byte_is_read_up_to_it(tmp_path, at):
    content = bytearray(next((FIXTURES / "tensorboard" / "one").iterdir()).read_bytes())
    content[at] ^= 0x10
    file = tmp_path / "events.out.tfevents.1.host"
    file.write_bytes(bytes(content))
    (log,) = read_logs(file)
    (whole,) = read_logs(FIXTURES / "tensorboard" / "one")
    points = len(log.observations.history)
    assert 0 < points <= 30
    shared = log.observations.history["train_loss"][: points - 1]
    assert shared.tolist() == whole.observations.history["train_loss"][: points - 1].tolist()
    assert "log.events-damaged" in [note.code for note in log.notes]
