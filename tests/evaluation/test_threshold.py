from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from goodfit.errors import InputError
from goodfit.evaluation.evaluate import evaluate
from goodfit.evaluation.threshold import Threshold, fit_threshold, moved

RNG = np.random.default_rng(0)
TARGET = (RNG.random(600) < 0.1).astype(int)
P = np.clip(0.1 + 0.15 * TARGET + RNG.normal(0, 0.08, 600), 0.001, 0.999)


@pytest.mark.parametrize(
    ("name", "oracle"), [("f1", sk.f1_score), ("balanced_accuracy", sk.balanced_accuracy_score)]
)
def test_no_other_threshold_scores_better(name, oracle):
    found = fit_threshold(P, TARGET, name)
    tried = [oracle(TARGET, (each < P).astype(int)) for each in np.linspace(0.01, 0.9, 300)]
    assert found.after >= max(tried) - 0.01
    assert found.after == pytest.approx(oracle(TARGET, (found.value < P).astype(int)))
    assert found.before == pytest.approx(oracle(TARGET, (P > 0.5).astype(int)))
    assert found.after > found.before
    assert Threshold.from_dict(found.to_dict()) == found


def test_metrics_of_probabilities_have_no_threshold():
    with pytest.raises(InputError) as error:
        fit_threshold(P, TARGET, "log_loss")
    assert error.value.code == "metric.no-threshold"
    with pytest.raises(ValueError, match="threshold"):
        Threshold.from_dict({"value": 1.0})


def test_moving_keeps_order_and_puts_the_threshold_at_one_half():
    probabilities = np.column_stack([1 - P, P])
    bent = moved(probabilities, 0.2)
    assert (np.argsort(bent[:, 1], kind="stable") == np.argsort(P, kind="stable")).all()
    assert ((bent[:, 1] > 0.5) == (P > 0.2)).all()


def test_an_evaluation_moves_the_classes_and_leaves_the_probabilities():
    plain = evaluate(TARGET, P, task="binary", classes=("no", "yes"), resamples=50)
    there = evaluate(TARGET, P, task="binary", classes=("no", "yes"), resamples=50, threshold=0.2)
    labels = (P > 0.2).astype(int)
    assert there.metrics["f1"].value == pytest.approx(sk.f1_score(TARGET, labels))
    assert there.metrics["log_loss"] == plain.metrics["log_loss"]
    assert there.metrics["roc_auc"] == plain.metrics["roc_auc"]
    assert there.confusion == tuple(map(tuple, sk.confusion_matrix(TARGET, labels).tolist()))
    assert there.metrics["f1"].low <= there.metrics["f1"].value <= there.metrics["f1"].high
