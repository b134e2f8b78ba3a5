from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from goodfit import observations
from goodfit.errors import InputError
from goodfit.evaluation.metrics import METRICS, higher_is_better, measure, metric, resolve, wrap
from goodfit.messages import LANGUAGES, catalogue

some = settings(max_examples=150, deadline=None)


@st.composite
def classified(draw: st.DrawFn, most_classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Codes and probabilities, with ties, absent classes and certain predictions among them."""
    classes = draw(st.integers(2, most_classes))
    rows = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    present = draw(st.integers(1, classes))
    target = rng.integers(0, present, rows)
    levels = draw(st.sampled_from([2, 4, 1000]))
    raw = rng.integers(0, levels, (rows, classes)).astype(np.float64)
    raw[raw.sum(axis=1) == 0] = 1
    return target, raw / raw.sum(axis=1, keepdims=True)


@st.composite
def predicted(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows, targets = draw(st.integers(2, 30)), draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape = (rows,) if targets == 0 else (rows, targets)
    scale = 10.0 ** draw(st.integers(-3, 6))
    target = np.round(rng.normal(size=shape), draw(st.sampled_from([0, 2, 8]))) * scale
    return target, target + np.round(rng.normal(size=shape), draw(st.sampled_from([0, 2, 8]))) * scale


def quietly(function, *arguments, **options):
    """Scikit-learn warns where a score is undefined; what it returns there is compared all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


@some
@given(classified())
def test_metrics_of_labels_are_scikit_learns(data):
    target, probabilities = data
    labels, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    average = {"average": "binary" if classes == 2 else "macro", "zero_division": 0.0}
    wanted = {
        "accuracy": oracle.accuracy_score(target, labels),
        "balanced_accuracy": quietly(oracle.balanced_accuracy_score, target, labels),
        "f1": oracle.f1_score(target, labels, **average),
        "precision": oracle.precision_score(target, labels, **average),
        "recall": oracle.recall_score(target, labels, **average),
    }
    assert measure([METRICS[name] for name in wanted], target, probabilities) == pytest.approx(wanted)


@some
@given(classified())
def test_metrics_of_probabilities_are_scikit_learns(data):
    target, probabilities = data
    classes = probabilities.shape[1]
    codes = list(range(classes))
    assert METRICS["log_loss"](target, probabilities) == pytest.approx(
        oracle.log_loss(target, probabilities, labels=codes), rel=1e-9
    )
    given_to_oracle = probabilities[:, 1] if classes == 2 else probabilities
    assert METRICS["brier"](target, probabilities) == pytest.approx(
        oracle.brier_score_loss(target, given_to_oracle, labels=codes), abs=1e-12
    )
    if len(set(target)) == classes:
        assert METRICS["roc_auc"](target, probabilities) == pytest.approx(
            oracle.roc_auc_score(target, given_to_oracle, multi_class="ovr")
        )
        assert METRICS["average_precision"](target, probabilities) == pytest.approx(
            oracle.average_precision_score(target, given_to_oracle)
        )


@some
@given(classified(most_classes=2))
def test_one_column_of_probabilities_is_the_second_class(data):
    target, probabilities = data
    metrics = [item for item in METRICS.values() if "binary" in item.tasks]
    both = measure(metrics, target, probabilities)
    for one in (probabilities[:, 1], probabilities[:, 1:]):
        assert measure(metrics, target, one) == pytest.approx(both, nan_ok=True)


@some
@given(predicted())
def test_metrics_of_values_are_scikit_learns(data):
    target, prediction = data
    wanted = {
        "rmse": oracle.root_mean_squared_error(target, prediction),
        "mse": oracle.mean_squared_error(target, prediction),
        "mae": oracle.mean_absolute_error(target, prediction),
        "r2": oracle.r2_score(target, prediction),
        "median_absolute_error": oracle.median_absolute_error(target, prediction),
    }
    if target.ndim == 1:
        wanted["max_error"] = oracle.max_error(target, prediction)
    assert measure([METRICS[name] for name in wanted], target, prediction) == pytest.approx(wanted)


def test_r2_of_a_constant_target():
    target = np.full(7, 0.1)
    assert METRICS["r2"](target, target) == 1
    assert METRICS["r2"](target, target + 1) == 0
    assert np.isnan(METRICS["r2"](target[:1], target[:1]))


def test_several_labels_at_once():
    rng = np.random.default_rng(0)
    target, probabilities = rng.integers(0, 2, (50, 3)), rng.random((50, 3))
    labels = (probabilities > 0.5).astype(int)
    wanted = {
        "accuracy": oracle.accuracy_score(target, labels),
        "f1": oracle.f1_score(target, labels, average="macro"),
        "precision": oracle.precision_score(target, labels, average="macro"),
        "recall": oracle.recall_score(target, labels, average="macro"),
        "roc_auc": oracle.roc_auc_score(target, probabilities),
        "average_precision": oracle.average_precision_score(target, probabilities),
        "log_loss": np.mean(
            [oracle.log_loss(target[:, label], probabilities[:, label]) for label in range(3)]
        ),
    }
    chosen = resolve(list(wanted), "multilabel")
    assert measure(chosen, target, probabilities) == pytest.approx(wanted)
    assert measure(chosen, target.astype(np.float32), probabilities) == pytest.approx(wanted)


@pytest.mark.parametrize("code", [0, 1])
def test_rows_of_one_class_have_no_ranking(code):
    target, probabilities = np.full(4, code), np.array([[0.2, 0.8], [0.6, 0.4], [0.5, 0.5], [0.1, 0.9]])
    assert np.isnan(METRICS["roc_auc"](target, probabilities))
    assert np.isnan(METRICS["average_precision"](target, probabilities)) == (code == 0)
    assert METRICS["accuracy"](target, probabilities) == 0.5


def test_absent_classes_are_left_out_of_the_mean():
    target = np.array([0, 1, 0, 1])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1]])
    assert METRICS["roc_auc"](target, probabilities) == 1.0
    assert METRICS["balanced_accuracy"](target, probabilities) == 0.75


@pytest.mark.parametrize("name", METRICS)
def test_what_cannot_be_computed_is_nan(name):
    values = "regression" in METRICS[name].tasks
    target = np.array([0.0, 1.0, 1.0]) if values else np.array([0, 1, 1])
    prediction = target.copy() if values else np.eye(2)[target]
    assert np.isfinite(METRICS[name](target, prediction))
    prediction[1] = np.nan
    assert np.isnan(METRICS[name](target, prediction))
    assert np.isnan(METRICS[name](target[:0], prediction[:0]))


@pytest.mark.parametrize("name", [name for name in METRICS if "regression" in METRICS[name].tasks])
def test_huge_predictions_do_not_warn(name):
    target = np.array([0.0, 1.0, 2.0])
    assert not np.isnan(METRICS[name](target, np.array([0.0, 1e300, np.inf])))


@pytest.mark.parametrize("name", METRICS)
def test_known_directions_agree_with_the_history(name):
    assert higher_is_better(name) == METRICS[name].higher_is_better
    assert observations.higher_is_better(f"valid_{name}") == METRICS[name].higher_is_better


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_name_to_show(name, language):
    assert METRICS[name].label(language) == catalogue(language)[f"evaluation.metric.{name}"]


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'accuracy'") as caught:
        metric("acuracy")
    assert "log_loss" in str(caught.value)
    with pytest.raises(InputError, match="no metric 'xyzzy'"):
        resolve(["xyzzy"], "binary")
    with pytest.raises(InputError, match="'rmse' is not defined for a binary task; choose among accuracy"):
        resolve(["accuracy", "rmse"], "binary")


def test_resolve():
    assert [item.name for item in resolve("auto", "multiclass")] == ["accuracy"]
    assert [item.name for item in resolve("auto", "regression")] == ["rmse"]
    assert [item.name for item in resolve(("f1", METRICS["f1"], "accuracy"), "binary")] == ["f1", "accuracy"]
    assert [item.name for item in resolve("f1", "binary")] == ["f1"]


def test_own_functions():
    def share_of_zeros(y_true, y_pred):
        return float((y_pred == 0).mean())

    def relative_error(y_true, y_pred):
        return np.abs(y_true / y_pred).mean()

    target, probabilities = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    (own,) = resolve([share_of_zeros], "binary")
    assert (own.name, own.higher_is_better, own(target, probabilities)) == ("share_of_zeros", True, 2 / 3)
    assert own.label("es") == "share_of_zeros"
    assert not wrap(relative_error, task="regression").higher_is_better
    assert wrap(relative_error, task="regression", higher_is_better=True).higher_is_better
    with pytest.raises(InputError, match="accuracy"):
        wrap(share_of_zeros, task="binary", name="accuracy")
    with pytest.raises(InputError, match="'broken' failed \\(ZeroDivisionError"):
        wrap(lambda y_true, y_pred: 1 / 0, task="binary", name="broken")(target, probabilities)
