"""What a user gets at the end: scores on the test rows as far as the loss says what the task is."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as sk
from torch import Tensor, nn

import goodfit
from goodfit.training.randomness import undisturbed

ROWS = 80
X = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.stack([X[:, 0] > 0, X[:, 1] > 0.3, X[:, 2] + X[:, 3] > 0], 1)


def net(outputs: int) -> nn.Module:
    with undisturbed():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, outputs))


def train(target: Any, outputs: int, **fields: Any) -> goodfit.Run:
    options = {"valid": (X, target), "test": (X, target), "model": net(outputs), "learning_rate": 0.02}
    return goodfit.train((X, target), **{**options, "epochs": 15, "diagnose": False, **fields})


def said(run: goodfit.Run) -> np.ndarray:
    return run.predict(X)


def test_several_labels_at_once(tmp_path):
    run = train(LABELS, 3, loss="bce", metrics=["accuracy", "f1"], folder=tmp_path / "run")
    truth, shares = LABELS.numpy().astype(int), said(run)
    scores = run.evaluation.metrics
    assert run.evaluation.task == "multilabel"
    assert scores["accuracy"].value == pytest.approx(sk.accuracy_score(truth, shares > 0.5))
    assert scores["f1"].value == pytest.approx(sk.f1_score(truth, shares > 0.5, average="macro"))
    assert scores["roc_auc"].value == pytest.approx(sk.roc_auc_score(truth, shares))
    assert run.history["valid_accuracy"][run.history.best_row] == pytest.approx(scores["accuracy"].value)
    assert all(score.low <= score.value <= score.high for score in scores.values())
    assert [row.rows for row in run.evaluation.classes] == truth.sum(0).tolist()
    assert run.evaluation.to_text("es")
    loaded = goodfit.load(tmp_path / "run", model=net(3))
    assert loaded.evaluation.metrics == scores
    assert "roc auc" in (tmp_path / "run" / "report.html").read_text().lower()


def test_several_labels_from_a_loader():
    data = torch.utils.data.TensorDataset(X, LABELS.float())
    loader = torch.utils.data.DataLoader(data, batch_size=16)
    run = train(LABELS, 3, loss="bce", valid=loader, test=loader)
    fields = {"valid": loader, "test": loader, "loss": "bce", "epochs": 2, "diagnose": False}
    again = goodfit.train(loader, model=net(3), **fields)
    assert run.evaluation.task == again.evaluation.task == "multilabel"


@pytest.mark.parametrize("flat", [False, True])
def test_yes_or_no_from_one_unit(flat):
    target = LABELS[:, 0].float()
    model = nn.Sequential(net(1), nn.Flatten(0)) if flat else net(1)
    run = train(target if flat else target[:, None], 1, model=model, loss="bce")
    truth, shares = LABELS[:, 0].numpy(), said(run).ravel()
    assert run.evaluation.task == "binary"
    assert run.evaluation.metrics["roc_auc"].value == pytest.approx(sk.roc_auc_score(truth, shares))
    assert run.evaluation.metrics["accuracy"].value == pytest.approx(((shares > 0.5) == truth).mean())
    assert run.history["valid_accuracy"][run.history.best_row] == pytest.approx(
        ((shares > 0.5) == truth).mean()
    )


@pytest.mark.parametrize("shape", ["flat", "column", "two"])
def test_numbers(shape):
    target = {"flat": X[:, 0], "column": X[:, :1], "two": X[:, :2]}[shape]
    model = nn.Sequential(net(1), nn.Flatten(0)) if shape == "flat" else net(target[0].numel())
    run = train(target, 1, model=model, loss="mse")
    truth = target.numpy()
    assert run.evaluation.metrics["r2"].value == pytest.approx(sk.r2_score(truth, said(run)), abs=1e-5)
    assert len(run.evaluation.outputs) == (2 if shape == "two" else 1)


def test_images_as_numbers_are_scored_together():
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 36)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.inner(inputs).reshape(-1, 1, 6, 6)

    target = X[:, :1].repeat(1, 36).reshape(-1, 1, 6, 6)
    run = train(target, 1, model=Wide(), loss="mse")
    assert run.evaluation.outputs == ()
    assert math.isfinite(run.evaluation.metrics["rmse"].low)
    assert run.history["valid_rmse"][-1] > 0


def test_a_loss_or_step_of_one_s_own_is_scored_by_itself(tmp_path):
    def cubed(outputs: Tensor, target: Tensor) -> Tensor:
        return (outputs - target).abs().pow(3).mean()

    run = train(X[:, :1], 1, loss=cubed, folder=tmp_path / "run")
    with torch.no_grad():
        exact = float(cubed(run.model(X), X[:, :1]))
    assert run.evaluation.task == "other"
    assert run.evaluation.rows == ROWS
    assert run.evaluation.metrics["loss"].value == pytest.approx(exact, rel=1e-5)
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["metrics"]["loss"]["low"] is None
    assert "NaN" not in (tmp_path / "run" / "evaluation.json").read_text()
    assert run.evaluation.to_text() and run._repr_html_()  # noqa: PT018

    def step(model: nn.Module, batch: Any) -> Tensor:
        return cubed(model(batch[0]), batch[1])

    stepped = train(X[:, :1], 1, step=step)
    assert stepped.evaluation.metrics["loss"].value == pytest.approx(exact, rel=1e-5)


def test_probabilities_as_targets():
    target = F.softmax(X[:, :3] * 3, 1)
    run = train(target, 3, loss="cross_entropy")
    truth = target.argmax(1).numpy()
    assert run.evaluation.task == "multiclass"
    assert run.evaluation.metrics["accuracy"].value == pytest.approx((said(run).argmax(1) == truth).mean())
    assert run.observations.prior_loss is None


def test_the_prior_s_loss_is_in_the_units_of_the_loss():
    classes = LABELS.sum(1)
    run = train(classes, 4, loss="cross_entropy", epochs=1, diagnose=True)
    shares = np.bincount(classes.numpy()) / ROWS
    assert run.observations.prior_loss == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-6)
    assert run.observations.task == "multiclass"
    smoothed = train(classes, 4, loss="cross_entropy", epochs=1, loss_options={"label_smoothing": 0.1})
    assert smoothed.observations.prior_loss is None
    weighted = train(classes, 4, loss="cross_entropy", epochs=1, class_weight="balanced")
    assert weighted.observations.prior_loss is None
    values = train(X[:, :1], 1, loss="mse", epochs=1)
    assert values.observations.prior_loss == pytest.approx(float(X[:, 0].var(correction=0)), rel=1e-5)


def test_without_test_rows_there_is_no_evaluation():
    assert train(LABELS.sum(1), 4, loss="cross_entropy", test=None).evaluation is None
