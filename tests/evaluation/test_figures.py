from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, roc_auc_score

from goodfit.evaluation.figures import calibration, predicted_and_actual, residuals, roc_curves


@given(st.integers(0, 500), st.integers(2, 60), st.sampled_from([2, 5, 1000]))
def test_roc_curve_encloses_the_area(seed, rows, levels):
    rng = np.random.default_rng(seed)
    target = np.append([0, 1], rng.integers(0, 2, rows))
    score = rng.integers(0, levels, len(target)) / levels
    (curve,) = roc_curves(target, np.stack([1 - score, score], axis=1), ["no", "yes"])
    assert (curve["fpr"][0], curve["tpr"][0], curve["fpr"][-1], curve["tpr"][-1]) == (0, 0, 1, 1)
    assert auc(curve["fpr"], curve["tpr"]) == pytest.approx(curve["auc"])
    assert curve["auc"] == pytest.approx(roc_auc_score(target, score))
    assert curve["label"] == "yes"


def test_roc_curves_are_short():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 30, 20_000)
    said = rng.random((20_000, 30)) + np.eye(30)[target]
    curves = roc_curves(target, said, [str(code) for code in range(30)])
    assert len(curves) == 20
    for curve in curves:
        assert len(curve["fpr"]) == len(curve["tpr"]) <= 200
        assert auc(curve["fpr"], curve["tpr"]) == pytest.approx(curve["auc"], abs=0.005)


def test_no_roc_curve_of_one_class():
    assert roc_curves(np.zeros(3, int), np.full((3, 2), 0.5), ["no", "yes"]) == []


def test_calibration_is_scikit_learns():
    rng = np.random.default_rng(0)
    said = rng.random(1000)
    target = (rng.random(1000) < said**2).astype(int)
    points = calibration(target, np.stack([1 - said, said], axis=1), ["no", "yes"])
    observed, predicted = calibration_curve(target, said, n_bins=10, strategy="quantile")
    assert points["observed"] == pytest.approx(observed, abs=0.02)
    assert points["predicted"] == pytest.approx(predicted, abs=0.02)
    assert sum(points["rows"]) == 1000
    assert points["of"] == "yes"
    assert points["error"] == pytest.approx(np.mean(said - said**2), abs=0.03)
    for low, value, high in zip(points["low"], points["observed"], points["high"], strict=True):
        assert 0 <= low <= value <= high <= 1


def test_calibration_of_constant_probabilities_is_one_point():
    points = calibration(np.array([0, 1, 2]), np.full((3, 3), 1 / 3), ["a", "b", "c"])
    assert points["rows"] == [3]
    assert points["of"] is None
    assert points["observed"] == pytest.approx([1 / 3])


def test_a_sample_of_many_rows():
    target = np.arange(5000.0).reshape(2500, 2)
    points = predicted_and_actual(target, target + 1, seed=3)
    rows = points["sample"]
    assert len(rows) == len(set(rows)) == 2000
    assert points["actual"] == target[rows].T.tolist()
    assert points["predicted"] == (target[rows] + 1).T.tolist()
    assert predicted_and_actual(target, target, seed=3)["sample"] == rows


@given(st.integers(0, 500), st.integers(1, 200), st.sampled_from([0.0, 1e-12, 1.0, 1e6, 1e300]))
def test_residuals_are_all_counted(seed, rows, scale):
    rng = np.random.default_rng(seed)
    prediction = rng.normal(size=(rows, 2)) * scale
    for histogram in residuals(np.full((rows, 2), 5.0), prediction):
        assert sum(histogram["counts"]) == rows
        assert len(histogram["edges"]) == len(histogram["counts"]) + 1 <= 61


def test_residuals_without_a_finite_range():
    assert residuals(np.array([[0.0], [1.0]]), np.array([[-1.7e308], [1.7e308]])) == [
        {"edges": [], "counts": []}
    ]
