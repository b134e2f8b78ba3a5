from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.evaluation import intervals
from goodfit.evaluation.intervals import advantage, bootstrap, interval
from goodfit.evaluation.metrics import METRICS, Metric, wrap


def classified(rows: int, classes: int, seed: int = 0, skill: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, rows)
    raw = np.exp(rng.normal(size=(rows, classes)).round(1) + skill * np.eye(classes)[target])
    return target, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", [name for name in METRICS if "multiclass" in METRICS[name].tasks])
def test_weights_give_what_repeated_rows_give(name, classes):
    target, probabilities = classified(40, classes)
    weights = intervals._weights(40, 30, np.random.default_rng(1))
    assert (weights.sum(axis=1) == 40).all()
    metric = METRICS[name]
    repeated = [np.repeat(np.arange(40), weight.astype(int)) for weight in weights]
    wanted = [metric(target[rows], probabilities[rows]) for rows in repeated]
    assert intervals._weighted(metric, target, probabilities)(weights) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("name", [name for name in METRICS if "regression" in METRICS[name].tasks])
def test_weights_give_what_repeated_rows_give_for_values(name, targets):
    rng = np.random.default_rng(0)
    target = rng.normal(size=(40, targets)) + 100
    prediction = target + rng.normal(size=(40, targets))
    weights = intervals._weights(40, 30, rng)
    repeated = [np.repeat(np.arange(40), weight.astype(int)) for weight in weights]
    wanted = [METRICS[name](target[rows], prediction[rows]) for rows in repeated]
    assert intervals._weighted(METRICS[name], target, prediction)(weights) == pytest.approx(wanted)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(2, 3))
def test_few_rows_and_resamples_of_one_class(seed, rows, classes):
    target, probabilities = classified(rows, classes, seed)
    metrics = [METRICS[name] for name in ("roc_auc", "balanced_accuracy", "f1", "log_loss")]
    strayed = bootstrap(target, {"network": probabilities}, metrics, resamples=50)["network"]
    for metric in metrics:
        value = metric(target, probabilities)
        score = interval(value, strayed[metric.name])
        assert np.isnan(score.low) == np.isnan(score.high)
        if not np.isnan(score.low):
            assert -1e-9 <= score.low <= score.high


def test_standard_error_is_that_of_the_formula():
    target, probabilities = classified(2000, 2)
    strayed = bootstrap(target, {"network": probabilities}, [METRICS["accuracy"]], resamples=4000)
    share = METRICS["accuracy"](target, probabilities)
    assert strayed["network"]["accuracy"].std() == pytest.approx(
        np.sqrt(share * (1 - share) / 2000), rel=0.05
    )


def test_intervals_cover_the_truth_about_95_times_in_a_hundred():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        error = rng.normal(size=100)
        strayed = bootstrap(np.zeros(100), {"network": error}, [METRICS["mse"]], resamples=300, seed=seed)
        score = interval(METRICS["mse"](np.zeros(100), error), strayed["network"]["mse"])
        covered += score.low <= 1 <= score.high
    assert 0.89 <= covered / 300 <= 0.98


def test_many_rows_are_resampled_in_parts_with_the_right_width(monkeypatch):
    target, probabilities = classified(8000, 2)
    metrics = [METRICS[name] for name in ("log_loss", "roc_auc", "f1")]
    whole = bootstrap(target, {"network": probabilities}, metrics)["network"]
    monkeypatch.setattr(intervals, "MOST_ROWS", 500)
    parts = bootstrap(target, {"network": probabilities}, metrics)["network"]
    for name, strayed in whole.items():
        assert parts[name].std() == pytest.approx(strayed.std(), rel=0.12)
        assert abs(parts[name].mean()) < 1e-9


def test_many_classes_take_smaller_parts():
    target, probabilities = classified(3000, 100)
    strayed = bootstrap(target, {"network": probabilities}, [METRICS["accuracy"]])["network"]["accuracy"]
    share = METRICS["accuracy"](target, probabilities)
    assert strayed.std() == pytest.approx(np.sqrt(share * (1 - share) / 3000), rel=0.12)


def test_the_seed_alone_decides():
    target, probabilities = classified(100, 3)
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    def drawn(seed: int) -> np.ndarray:
        return bootstrap(target, {"network": probabilities}, [METRICS["f1"]], seed=seed)["network"]["f1"]

    first = drawn(7)
    np.random.random()  # noqa: NPY002
    assert (drawn(7) == first).all()
    assert (drawn(8) != first).any()
    np.random.set_state(("MT19937", state, 624))  # noqa: NPY002


def test_differences_are_paired():
    target, probabilities = classified(200, 2)
    metric = METRICS["log_loss"]
    slightly_better = 0.98 * probabilities + 0.02 * np.eye(2)[target]
    strayed = bootstrap(target, {"a": slightly_better, "b": probabilities}, [metric])
    values = {"a": metric(target, slightly_better), "b": metric(target, probabilities)}
    ours, theirs = ((values[name], strayed[name]["log_loss"]) for name in "ab")
    won = advantage(metric, ours, theirs)
    assert 0 < won.low < won.value < won.high
    assert interval(*ours).high > interval(*theirs).low
    lost = advantage(metric, theirs, ours)
    assert (lost.value, lost.low, lost.high) == pytest.approx((-won.value, -won.high, -won.low))


def test_own_metrics_have_intervals_too():
    def share_of_ones(y_true, y_pred):
        return float((y_pred == 1).mean())

    target, probabilities = classified(60, 2)
    own = wrap(share_of_ones, task="binary")
    strayed = bootstrap(target, {"network": probabilities}, [own], resamples=500)["network"]["share_of_ones"]
    share = own(target, probabilities)
    assert strayed.std() == pytest.approx(np.sqrt(share * (1 - share) / 60), rel=0.15)


def test_no_interval_where_there_is_no_value():
    target, probabilities = classified(20, 2)
    probabilities[3] = np.nan
    strayed = bootstrap(target, {"network": probabilities}, [METRICS["log_loss"]])["network"]["log_loss"]
    score = interval(float("nan"), strayed)
    assert np.isnan([score.value, score.low, score.high]).all()
    assert isinstance(METRICS["log_loss"], Metric)
