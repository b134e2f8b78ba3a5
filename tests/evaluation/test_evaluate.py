from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from goodfit.errors import InputError
from goodfit.evaluation.evaluate import evaluate
from goodfit.evaluation.scores import Evaluation
from goodfit.messages import LANGUAGES


def probabilities_for(target: np.ndarray, classes: int, skill: float, seed: int = 0) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(size=(len(target), classes)) + skill * np.eye(classes)[target]
    return np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)


def classified(rows: int = 300, classes: int = 3, skill: float = 2.0, linear: float = 1.0) -> Evaluation:
    target = np.random.default_rng(1).integers(0, classes, rows)
    return evaluate(
        target,
        probabilities_for(target, classes, skill),
        task="binary" if classes == 2 else "multiclass",
        targets=("species",),
        classes=("Adelie", "Chinstrap", "Gentoo")[:classes],
        baselines={
            "prior": np.full((rows, classes), 1 / classes),
            "linear": probabilities_for(target, classes, linear, seed=9),
        },
    )


def predicted(rows: int = 300, targets: int = 1, noise: float = 1.0) -> Evaluation:
    rng = np.random.default_rng(2)
    target = 10 * rng.normal(size=(rows, targets))
    return evaluate(
        target[:, 0] if targets == 1 else target,
        (target + noise * rng.normal(size=target.shape)).squeeze(),
        task="regression",
        targets=("price", "size")[:targets],
        baselines={"prior": np.zeros((rows, targets)), "linear": target + 2 * rng.normal(size=target.shape)},
    )


def test_scores_of_classes_are_scikit_learns():
    target = np.random.default_rng(1).integers(0, 3, 200)
    probabilities = probabilities_for(target, 3, 1.0)
    evaluation = evaluate(target, probabilities, task="multiclass", classes="abc", metrics=["brier"])
    labels = probabilities.argmax(axis=1)
    wanted = {
        "log_loss": oracle.log_loss(target, probabilities),
        "accuracy": oracle.accuracy_score(target, labels),
        "balanced_accuracy": oracle.balanced_accuracy_score(target, labels),
        "roc_auc": oracle.roc_auc_score(target, probabilities, multi_class="ovr"),
        "f1": oracle.f1_score(target, labels, average="macro"),
        "brier": oracle.brier_score_loss(target, probabilities),
    }
    assert {name: score.value for name, score in evaluation.metrics.items()} == pytest.approx(wanted)
    assert all(score.low < score.value < score.high for score in evaluation.metrics.values())
    assert evaluation.confusion == tuple(map(tuple, oracle.confusion_matrix(target, labels)))
    report = oracle.classification_report(target, labels, output_dict=True)
    for code, row in enumerate(evaluation.classes):
        theirs = report[str(code)]
        assert (row.precision, row.recall, row.f1, row.rows) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"])
        )
    assert [row.label for row in evaluation.classes] == ["a", "b", "c"]


def test_scores_of_values_are_scikit_learns():
    evaluation = predicted(targets=2)
    assert evaluation.main_metric == "r2"
    assert [row.name for row in evaluation.outputs] == ["price", "size"]
    assert np.mean([row.rmse for row in evaluation.outputs]) == pytest.approx(
        evaluation.metrics["rmse"].value
    )
    actual, said = np.array(evaluation.figures["actual"]).T, np.array(evaluation.figures["predicted"]).T
    assert evaluation.metrics["r2"].value == pytest.approx(oracle.r2_score(actual, said))
    assert evaluation.metrics["mae"].value == pytest.approx(oracle.mean_absolute_error(actual, said))
    assert evaluation.confusion is None
    assert evaluation.classes == ()


@pytest.mark.parametrize(
    ("skill", "verdict", "beats"),
    [(2.0, "better", True), (1.0, "no different", False), (0.2, "worse", False)],
)
def test_verdict_on_classes(skill, verdict, beats):
    evaluation = classified(skill=skill)
    assert (evaluation.verdict, evaluation.beats_linear) == (verdict, beats)
    assert evaluation.main_metric == "log_loss"
    assert evaluation.advantage.value == pytest.approx(
        evaluation.baselines["linear"]["log_loss"].value - evaluation.metrics["log_loss"].value
    )
    sentence = evaluation.verdict_message.text()
    assert ("does not beat the linear model" in sentence) == (not beats)
    assert "log loss" in sentence


@pytest.mark.parametrize(("noise", "verdict"), [(1.0, "better"), (2.0, "no different"), (4.0, "worse")])
def test_verdict_on_values(noise, verdict):
    assert predicted(noise=noise).verdict == verdict


def test_no_verdict_without_a_linear_model_or_on_a_few_rows():
    target = np.arange(30) % 2
    alone = evaluate(target, probabilities_for(target, 2, 1.0), task="binary", classes=("no", "yes"))
    assert (alone.verdict, alone.beats_linear, alone.advantage) == (None, None, None)
    assert "no linear model" in alone.verdict_message.text()
    few = classified(rows=19, skill=9.0)
    assert (few.verdict, few.beats_linear) == (None, None)
    assert "cannot be told from 19 rows" in few.verdict_message.text()


def test_another_metric_may_decide():
    target = np.arange(100) % 2
    said = probabilities_for(target, 2, 1.0)
    evaluation = evaluate(
        target,
        said,
        task="binary",
        classes=("no", "yes"),
        baselines={"linear": said},
        main_metric="precision",
    )
    assert evaluation.main_metric == "precision"
    assert evaluation.advantage.value == 0
    with pytest.raises(InputError, match="rmse"):
        evaluate(target, said, task="binary", main_metric="rmse")


@pytest.mark.parametrize(
    "evaluation", [classified(), classified(classes=2), predicted(), predicted(targets=2)], ids=repr
)
def test_comes_back_from_json(evaluation):
    data = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    again = Evaluation.from_dict(data)
    assert again == evaluation
    assert again.to_dict() == data
    score = data["metrics"][evaluation.main_metric]
    assert list(score) == ["value", "low", "high"]
    assert data["beats_linear"] is True


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "evaluation", [classified(), classified(classes=2), predicted(), predicted(targets=2)], ids=repr
)
def test_text(evaluation, language):
    text = evaluation.to_text(language)
    assert evaluation.verdict_message.text(language) in text
    assert ("Evaluado" in text) == (language == "es")
    assert all(row.label in text for row in evaluation.classes)
    assert all(len(line) <= 100 for line in text.split("\n\n")[1].splitlines())
    assert "300 rows" in repr(evaluation)
    assert evaluation._repr_html_().startswith("<table>")


def test_a_class_name_cannot_break_the_html():
    target = np.arange(30) % 2
    evaluation = evaluate(target, probabilities_for(target, 2, 1.0), task="binary", classes=("<b>", "a" * 99))
    assert "<b>" not in evaluation._repr_html_()
    assert "a" * 40 not in evaluation.to_text()


def test_one_column_of_probabilities():
    target = np.arange(50) % 2
    said = probabilities_for(target, 2, 1.0)
    both = evaluate(target, said, task="binary", classes=("no", "yes"))
    for one in (said[:, 1], said[:, 1:]):
        assert evaluate(target, one, task="binary", classes=("no", "yes")).metrics == pytest.approx(
            both.metrics
        )


def test_worst_rows():
    target = np.array([0, 1, 1, 0] * 10)
    said = np.where(target[:, None] == [0, 1], 0.9, 0.1)
    said[7] = 0.999, 0.001
    said[7] = said[7] if target[7] == 1 else said[7][::-1]
    said[2] = 0.7, 0.3
    evaluation = evaluate(target, said, task="binary", classes=("no", "yes"))
    assert len(evaluation.worst) == min(50, evaluation.rows)
    first, second = evaluation.worst[:2]
    assert (first.row, first.actual, first.predicted) == (7, "no", "yes")
    assert (second.row, second.actual, second.predicted) == (2, "yes", "no")
    assert first.loss == pytest.approx(-np.log(0.001))

    values = np.arange(30.0)
    wrong = values.copy()
    wrong[4] += 100
    worst = evaluate(values, wrong, task="regression", targets=("y",)).worst[0]
    assert (worst.row, worst.actual, worst.predicted) == (4, 4.0, 104.0)
    assert worst.loss == pytest.approx(100 / values.std())


@given(
    st.integers(0, 500),
    st.integers(0, 30),
    st.integers(2, 4),
    st.sampled_from(["none", "one class", "nan row", "all nan", "certain", "constant"]),
)
def test_odd_rows_of_classes_give_scores_and_notes(seed, rows, classes, oddity):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, rows) if oddity != "one class" else np.full(rows, classes - 1)
    said = probabilities_for(target, classes, 1.0, seed)
    if oddity == "nan row" and rows:
        said[0] = np.nan
    if oddity == "all nan":
        said[:] = np.nan
    if oddity == "certain":
        said = np.eye(classes)[rng.integers(0, classes, rows)]
    if oddity == "constant":
        said = np.full((rows, classes), 1 / classes)
    evaluation = evaluate(
        target,
        said,
        task="binary" if classes == 2 else "multiclass",
        classes=list("abcd"[:classes]),
        baselines={
            "prior": np.full((rows, classes), 1 / classes),
            "linear": np.full((rows, classes), 1 / classes),
        },
        resamples=40,
    )
    codes = [note.code for note in evaluation.notes]
    assert ("evaluation.note.not-finite" in codes) == ("nan" in oddity and rows > 0)
    assert ("evaluation.note.class-absent" in codes) == (len(set(target)) < classes)
    assert ("evaluation.note.one-row" in codes) == (rows == 1)
    if "nan" in oddity and rows:
        assert all(np.isnan(score.value) for score in evaluation.metrics.values())
        assert evaluation.beats_linear is False
        assert "not finite numbers" in evaluation.verdict_message.text()
    for language in LANGUAGES:
        evaluation.to_text(language)
    assert np.sum(evaluation.confusion) == rows - (
        0 if "nan" not in oddity else min(rows, 1) if oddity == "nan row" else rows
    )
    data = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert Evaluation.from_dict(data).to_dict() == data


@given(
    st.integers(0, 500),
    st.integers(0, 30),
    st.integers(1, 3),
    st.sampled_from(["none", "nan", "infinite", "constant target", "huge", "exact"]),
)
def test_odd_rows_of_values_give_scores_and_notes(seed, rows, targets, oddity):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(rows, targets))
    said = target + rng.normal(size=(rows, targets))
    if rows:
        said[0, 0] = {"nan": np.nan, "infinite": np.inf, "huge": 1e300}.get(oddity, said[0, 0])
    if oddity == "constant target":
        target[:] = 0.1
    if oddity == "exact":
        said = target.copy()
    evaluation = evaluate(
        target,
        said,
        task="regression",
        targets=list("abc"[:targets]),
        baselines={"prior": np.zeros((rows, targets)), "linear": target + 1},
        resamples=40,
    )
    codes = [note.code for note in evaluation.notes]
    assert ("evaluation.note.not-finite" in codes) == (oddity in ("nan", "infinite") and rows > 0)
    assert ("evaluation.note.constant-target" in codes) == (oddity == "constant target" and rows > 1)
    for language in LANGUAGES:
        evaluation.to_text(language)
    data = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert Evaluation.from_dict(data).to_dict() == data


def test_same_seed_same_evaluation():
    assert classified().to_dict() == classified().to_dict()
