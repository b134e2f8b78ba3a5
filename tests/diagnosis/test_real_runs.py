"""Short real trainings with a plain PyTorch loop, each with the finding that it must have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from tests.diagnosis.curves_for_tests import codes, observe
from torch import nn


def train(data, *, rows, optimizer, rate, epochs, hidden=32, batch=32, shuffle_labels=False, seed=0):
    """Train a network of one hidden layer; the first `rows` shuffled rows train, the next 150 validate."""
    inputs, labels = data(return_X_y=True)
    inputs = (inputs - inputs.mean(0)) / (inputs.std(0) + 1e-9)
    order = np.random.default_rng(seed).permutation(len(inputs))
    x = torch.tensor(inputs[order], dtype=torch.float32)
    y = torch.tensor(labels[order])
    if shuffle_labels:
        y = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(1))]
    parts = slice(0, rows), slice(rows, rows + 150)
    torch.manual_seed(seed)
    classes = int(y.max()) + 1
    net = nn.Sequential(nn.Linear(x.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, classes))
    steps = optimizer(net.parameters(), lr=rate)
    loss_of = nn.CrossEntropyLoss()
    curves = {"train_loss": [], "valid_loss": []}
    for _ in range(epochs):
        for chosen in torch.randperm(rows).split(batch):
            steps.zero_grad()
            loss_of(net(x[chosen]), y[chosen]).backward()
            steps.step()
        with torch.no_grad():
            for name, part in zip(curves, parts, strict=True):
                curves[name].append(loss_of(net(x[part]), y[part]).item())
    shares = np.bincount(y[parts[0]], minlength=classes) / rows
    held = np.bincount(y[parts[1]], minlength=classes) / 150
    prior = float(-(held * np.log(np.maximum(shares, 1e-9))).sum())
    facts = {"classes": classes, "train_rows": rows, "valid_rows": 150, "prior_loss": prior}
    return observe(facts | {"train_loss_is": "at-epoch-end"}, **curves)


def test_a_wide_network_trained_long_on_few_rows_overfits():
    run = train(load_breast_cancer, rows=80, optimizer=torch.optim.Adam, rate=3e-3, epochs=150, hidden=128)
    assert codes(run, "warning") == ["overfitting"]


def test_a_few_epochs_of_small_steps_are_not_converged():
    run = train(load_digits, rows=500, optimizer=torch.optim.SGD, rate=0.02, epochs=15)
    assert codes(run, "warning") == ["not-converged"]


def test_steps_far_too_large_break_the_training():
    run = train(load_digits, rows=300, optimizer=torch.optim.SGD, rate=30.0, epochs=10)
    assert codes(run, "error")


def test_steps_too_large_but_not_ruinous_are_a_rate_too_high():
    run = train(load_digits, rows=800, optimizer=torch.optim.Adam, rate=0.1, epochs=30)
    assert "learning-rate-too-high" in codes(run)


def test_shuffled_labels_are_not_learned():
    run = train(load_digits, rows=300, optimizer=torch.optim.Adam, rate=3e-3, epochs=30, shuffle_labels=True)
    assert codes(run, "error") == ["not-learning"]


def test_steps_that_do_nothing_are_not_learning():
    run = train(load_digits, rows=300, optimizer=torch.optim.SGD, rate=1e-7, epochs=10)
    assert codes(run, "error") == ["not-learning"]


@pytest.mark.parametrize(
    ("data", "rows", "epochs", "hidden", "seed"),
    [
        (load_digits, 1200, 160, 32, 0),
        (load_breast_cancer, 380, 40, 8, 0),
        (load_breast_cancer, 380, 30, 8, 1),
    ],
)
def test_a_sound_training_gets_no_warning(data, rows, epochs, hidden, seed):
    run = train(
        data, rows=rows, optimizer=torch.optim.Adam, rate=2e-3, epochs=epochs, hidden=hidden, seed=seed
    )
    assert codes(run, "warning") == []
