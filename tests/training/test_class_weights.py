from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from goodfit.errors import InputError
from goodfit.training.class_weights import class_weights


def test_balanced_is_scikit_learns():
    labels = [0] * 7 + [1] * 2 + [2] * 11
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights("balanced", counts=[7, 2, 11]) == pytest.approx(expected)


def test_a_class_without_rows_gets_a_finite_weight():
    assert class_weights("balanced", counts=[3, 0]) == [0.5, 1.5]


def test_weights_by_class_find_numbers_by_their_spelling():
    assert class_weights({"1": 2.5}, classes=[0, 1]) == [1.0, 2.5]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("blanced", None, [1, 2]), "loss.class-weight-unknown"),
        (("balanced",), "loss.class-weight-no-classes"),
        (({"a": 1},), "loss.class-weight-no-classes"),
        (({"c": 1}, ["a", "b"]), "loss.class-weight-class"),
        (([1, 2, 3], ["a", "b"]), "loss.class-weight-count"),
        (([1, -2], ["a", "b"]), "loss.class-weight-negative"),
        (([0, 0], ["a", "b"]), "loss.class-weight-negative"),
        (([1, float("nan")], ["a", "b"]), "loss.class-weight-negative"),
    ],
)
def test_wrong_weights_are_refused(arguments, code):
    with pytest.raises(InputError) as error:
        class_weights(*arguments)
    assert error.value.code == code
    assert error.value.text("es") != error.value.text("en")
