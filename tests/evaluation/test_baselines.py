from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from goodfit.evaluation.baselines import fit_baselines, predictor_from_dict, prior_loss
from goodfit.evaluation.metrics import METRICS

rng = np.random.default_rng(0)
inputs = (rng.normal(size=(90, 2)).astype(np.float32), rng.integers(0, 3, (90, 1)))
codes = (inputs[0][:, 0] > 0).astype(int) + (inputs[1][:, 0] == 2)


def parts(target):
    (numbers, categories) = inputs
    return (numbers[:60], categories[:60]), target[:60], (numbers[60:], categories[60:]), target[60:]


def test_classes():
    train_inputs, train, valid_inputs, valid = parts(codes)
    baselines = fit_baselines(
        train_inputs, train, valid_inputs, valid, task="multiclass", levels=[3], n_classes=3
    )
    oracle = DummyClassifier(strategy="prior").fit(train_inputs[0], train).predict_proba(valid_inputs[0])
    assert baselines["prior"](valid_inputs) == pytest.approx(oracle)
    assert baselines["linear"](valid_inputs).shape == (30, 3)
    losses = {
        name: METRICS["log_loss"](valid, baseline(valid_inputs)) for name, baseline in baselines.items()
    }
    assert losses["linear"] < 0.7 * losses["prior"]
    assert losses["prior"] == pytest.approx(prior_loss(train, valid, task="multiclass", loss="cross_entropy"))


@pytest.mark.parametrize("targets", [0, 2])
def test_values(targets):
    target = 3 + 2 * inputs[0] if targets else 3 + 2 * inputs[0][:, 0]
    train_inputs, train, valid_inputs, valid = parts(target)
    baselines = fit_baselines(
        train_inputs, train, valid_inputs, valid, task="regression", levels=[3], n_classes=7
    )
    oracle = DummyRegressor().fit(train_inputs[0], train).predict(valid_inputs[0])
    assert baselines["prior"](valid_inputs) == pytest.approx(oracle)
    assert baselines["linear"](valid_inputs) == pytest.approx(valid, abs=0.01)
    assert METRICS["mse"](valid, oracle) == pytest.approx(
        prior_loss(train, valid, task="regression", loss="mse")
    )


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_come_back_from_json(task):
    train_inputs, train, valid_inputs, valid = parts(codes)
    for baseline in fit_baselines(train_inputs, train, valid_inputs, valid, task=task, levels=[3]).values():
        again = predictor_from_dict(json.loads(json.dumps(baseline.to_dict(), allow_nan=False)))
        assert (again(valid_inputs) == baseline(valid_inputs)).all()


def test_without_columns_or_with_one_class_only_the_prior():
    nothing = (np.zeros((60, 0)), None)
    empty = (np.zeros((0, 0)), None)
    assert list(fit_baselines(nothing, codes[:60], empty, codes[:0], task="multiclass")) == ["prior"]
    train_inputs, _, valid_inputs, valid = parts(codes)
    one = fit_baselines(
        train_inputs, np.ones(60), valid_inputs, valid, task="multiclass", levels=[3], n_classes=3
    )
    assert list(one) == ["prior"]
    assert one["prior"](valid_inputs)[0].tolist() == [0, 1, 0]


def test_without_validation_rows_there_is_a_linear_model_all_the_same():
    train_inputs, train, *_ = parts(codes)
    empty = (np.zeros((0, 2)), np.zeros((0, 1), dtype=int))
    assert "linear" in fit_baselines(train_inputs, train, empty, codes[:0], task="multiclass", levels=[3])


@pytest.mark.parametrize(
    ("loss", "options"), [("mse", {}), ("mae", {}), ("huber", {"delta": 0.7}), ("huber", {})]
)
def test_prior_loss_of_values_is_the_best_constants(loss, options):
    target = np.random.default_rng(3).exponential(size=501) * 3
    delta = options.get("delta", 1.0)
    of = {
        "mse": np.square,
        "mae": np.abs,
        "huber": lambda e: np.where(np.abs(e) <= delta, e**2 / 2, delta * (np.abs(e) - delta / 2)),
    }[loss]
    best = min(of(target - constant).mean() for constant in np.linspace(0, 6, 2001))
    assert prior_loss(target, target, task="regression", loss=loss, loss_options=options) == pytest.approx(
        best, rel=1e-4
    )


def test_prior_loss_of_classes_is_their_entropy():
    target = np.repeat([0, 1], [30, 10])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    for loss in ("cross_entropy", "bce", "nll"):
        assert prior_loss(target, target, task="binary", loss=loss) == pytest.approx(entropy)
    assert np.isfinite(prior_loss(target, np.array([2]), task="multiclass", loss="cross_entropy"))


def test_prior_loss_of_counts_is_the_poisson_loss_at_the_mean():
    target = np.random.default_rng(3).poisson(4, 200)
    rates = np.linspace(1, 9, 4001)
    best = min((rate - target * np.log(rate)).mean() for rate in rates)
    assert prior_loss(target, target, task="regression", loss="poisson") == pytest.approx(best, rel=1e-4)


def test_prior_loss_of_what_is_not_known():
    target = np.arange(3)
    assert prior_loss(target, target, task="regression", loss="mine") is None
    assert prior_loss(target, target, task="multiclass", loss="hinge") is None
    assert prior_loss(target, target[:0], task="multiclass", loss="cross_entropy") is None
