from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from goodfit.evaluation import linear
from goodfit.evaluation.linear import Linear, fit_linear


def table(rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 3)).astype(np.float32)
    categories = rng.integers(0, (4, 2), (rows, 2))
    logits = numbers @ rng.normal(size=(3, classes)) + rng.normal(size=(4, classes))[categories[:, 0]]
    return numbers, categories, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize("classes", [2, 3])
def test_is_scikit_learns_logistic_regression(monkeypatch, classes):
    numbers, categories, target = table(400, classes)
    monkeypatch.setattr(linear, "PENALTIES", (1.0, 1.0))
    inputs = (numbers, categories)
    ours = fit_linear((inputs, target), (inputs, target), levels=(4, 2), n_classes=classes, seed=0)
    oracle = make_pipeline(
        make_column_transformer((StandardScaler(), [0, 1, 2]), (OneHotEncoder(), [3, 4])),
        LogisticRegression(C=1.0, tol=1e-8, max_iter=1000),
    )
    both = np.hstack([numbers, categories])
    assert ours(inputs) == pytest.approx(oracle.fit(both, target).predict_proba(both), abs=2e-3)


@pytest.mark.parametrize("targets", [0, 1, 2])
@pytest.mark.parametrize("with_categories", [True, False])
def test_is_scikit_learns_ridge(monkeypatch, targets, with_categories):
    numbers, categories, _ = table(300, 2)
    rng = np.random.default_rng(5)
    target = (
        1e4 + 50 * (numbers @ rng.normal(size=(3, max(targets, 1)))) + rng.normal(size=(300, max(targets, 1)))
    )
    target = target[:, 0] if targets == 0 else target
    monkeypatch.setattr(linear, "PENALTIES", (3.0, 3.0))
    inputs = (numbers, categories if with_categories else None)
    levels = (4, 2) if with_categories else ()
    ours = fit_linear((inputs, target), (inputs, target), levels=levels, n_classes=None, seed=0)
    encoded = [(StandardScaler(), [0, 1, 2])] + ([(OneHotEncoder(), [3, 4])] if with_categories else [])
    oracle = make_pipeline(make_column_transformer(*encoded), Ridge(3.0))
    both = np.hstack([numbers, categories])
    predicted = ours(inputs)
    assert predicted.shape == target.shape
    assert predicted == pytest.approx(oracle.fit(both, target).predict(both).reshape(target.shape), rel=1e-5)


def test_validation_rows_choose_the_penalty():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(60, 40))
    noise, clean = rng.normal(size=60), numbers @ rng.normal(size=40)

    def chosen(target: np.ndarray) -> float:
        train, valid = ((numbers[:45], None), target[:45]), ((numbers[45:], None), target[45:])
        return fit_linear(train, valid, levels=(), n_classes=None, seed=0).penalty

    assert chosen(noise) == max(linear.PENALTIES)
    assert chosen(clean) == min(linear.PENALTIES)


def test_unseen_levels_count_as_none():
    numbers, categories, target = table(200, 2)
    model = fit_linear(
        ((numbers, categories), target), ((numbers, categories), target), levels=(4, 2), n_classes=2, seed=0
    )
    unseen = np.full_like(categories[:2], -1)
    beyond = np.full_like(categories[:2], 9)
    plain = Linear(**{**vars(model), "tables": ()})
    assert model((numbers[:2], unseen)) == pytest.approx(plain((numbers[:2], None)))
    assert model((numbers[:2], beyond)) == pytest.approx(plain((numbers[:2], None)))


def test_a_class_without_training_rows_is_never_predicted():
    numbers, categories, target = table(200, 2)
    target = np.where(target == 1, 3, target)
    inputs = (numbers, categories)
    model = fit_linear((inputs, target), (inputs, target), levels=(4, 2), n_classes=4, seed=0)
    probabilities = model(inputs)
    assert probabilities.shape == (200, 4)
    assert (probabilities[:, [1, 2]] == 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(200))
    again = Linear.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert (again(inputs) == probabilities).all()


@pytest.mark.parametrize(
    "numbers", [np.zeros((5, 0)), np.full((5, 2), np.nan), np.zeros((0, 2)), np.zeros((1, 2))], ids=str
)
def test_nothing_to_fit(numbers):
    target = np.arange(len(numbers)) % 2
    for n_classes in (2, None):
        inputs = (numbers, None)
        assert fit_linear((inputs, target), (inputs, target), levels=(), n_classes=n_classes, seed=0) is None


def test_one_class_alone_is_not_fitted():
    inputs = (np.arange(6.0).reshape(6, 1), None)
    assert (
        fit_linear((inputs, np.ones(6, int)), (inputs, np.ones(6, int)), levels=(), n_classes=2, seed=0)
        is None
    )


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(2, 40),
    classes=st.integers(2, 4),
    columns=st.integers(0, 3),
    scale=st.sampled_from([1e-8, 1.0, 1e6, 1e30]),
    oddity=st.sampled_from(["none", "constant", "copied", "outlier", "separable"]),
)
def test_odd_tables_neither_warn_nor_fail(*, seed, rows, classes, columns, scale, oddity):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, rows)
    numbers = rng.normal(size=(rows, columns)) * scale
    if columns and oddity == "constant":
        numbers[:, 0] = 0.1 * scale
    if columns and oddity == "copied":
        numbers[:, -1] = numbers[:, 0]
    if columns and oddity == "outlier":
        numbers[0, 0] = 1e300
    if columns and oddity == "separable":
        numbers[:, 0] = target * scale
    inputs = (numbers, rng.integers(-1, 3, (rows, 2)))
    for n_classes, values in ((classes, target), (None, target * scale)):
        model = fit_linear((inputs, values), (inputs, values), levels=(3, 2), n_classes=n_classes, seed=0)
        if model is not None:
            predicted = model(inputs)
            assert np.isfinite(predicted).all()
            assert predicted.shape == ((rows, classes) if n_classes else (rows,))


def test_many_rows_are_subsampled(monkeypatch):
    numbers, categories, target = table(5000, 2)
    inputs = (numbers, categories)
    monkeypatch.setattr(linear, "MOST_ROWS", 1000)
    first = fit_linear((inputs, target), (inputs, target), levels=(4, 2), n_classes=2, seed=0)
    again = fit_linear((inputs, target), (inputs, target), levels=(4, 2), n_classes=2, seed=0)
    assert first.rows == 1000
    assert (first(inputs) == again(inputs)).all()
    monkeypatch.setattr(linear, "MOST_NUMBERS", 900)
    assert fit_linear((inputs, target), (inputs, target), levels=(4, 2), n_classes=2, seed=0).rows == 301
