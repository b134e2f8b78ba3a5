from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.evaluation.stacking import stacking_weights


def probabilities(right: float, target: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    """Return probabilities of two classes, as sure as ``right`` says and mostly so of the right one."""
    hit = noise.random(len(target)) < right
    of_second = np.where(hit == (target == 1), right, 1 - right)
    return np.stack([1 - of_second, of_second], axis=1)


@settings(max_examples=30, deadline=None)
@given(models=st.integers(1, 4), rows=st.integers(1, 60), seed=st.integers(0, 1000), classes=st.booleans())
def test_weights_are_positive_and_one_together(models: int, rows: int, seed: int, classes: bool):
    rng = np.random.default_rng(seed)
    if classes:
        said, target = rng.dirichlet(np.ones(3), (models, rows)), rng.integers(0, 3, rows)
    else:
        said, target = rng.normal(size=(models, rows, 2)), rng.normal(size=(rows, 2))
    weights = stacking_weights(said, target, classes=classes)
    assert weights.shape == (models,)
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("classes", [True, False])
def test_alike_models_count_the_same(classes: bool):
    rng = np.random.default_rng(0)
    said = rng.dirichlet(np.ones(2), 50)
    target = rng.integers(0, 2, 50) if classes else rng.normal(size=(50, 2))
    assert stacking_weights(np.stack([said, said]), target, classes=classes) == pytest.approx(
        [0.5, 0.5], abs=1e-3
    )


def test_the_better_model_counts_more_and_the_surer_the_more_rows_say_so():
    rng = np.random.default_rng(0)
    found = []
    for rows in (4, 40, 4000):
        target = rng.integers(0, 2, rows)
        said = np.stack([probabilities(0.95, target, rng), probabilities(0.6, target, rng)])
        found.append(stacking_weights(said, target, classes=True)[0])
    assert 0.5 < found[0] < found[1] < found[2]
    assert found[2] > 0.95


def test_the_average_is_better_than_each_where_errors_differ():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(500, 1))
    said = np.stack([target + rng.normal(0, 0.3, target.shape), target + rng.normal(0, 0.4, target.shape)])
    weights = stacking_weights(said, target, classes=False)
    together = np.tensordot(weights, said, 1)
    assert np.square(together - target).mean() < np.square(said - target).mean(axis=(1, 2)).min()
    assert weights[0] == pytest.approx(0.16 / 0.25, abs=0.06)  # inverse variances
