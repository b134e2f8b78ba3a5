from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.errors import InputError
from goodfit.recipe import Recipe
from goodfit.training.stopping import Best, check_monitor, ended_by, record

values = st.floats(allow_nan=True, allow_infinity=True)


def after(sequence, *, higher=False, least=0.0) -> Best:
    best = Best(higher)
    for epoch, value in enumerate(sequence, 1):
        best, _ = record(best, value, float(epoch), least)
    return best


@given(sequence=st.lists(values, max_size=12), higher=st.booleans(), least=st.floats(0, 10))
def test_the_best_is_the_first_of_the_best_whatever_patience_wants(sequence, higher, least):
    best = after(sequence, higher=higher, least=least)
    known = [(value, epoch) for epoch, value in enumerate(sequence, 1) if not math.isnan(value)]
    if not known:
        assert best.epoch is None
        return
    value = (max if higher else min)(value for value, _ in known)
    assert best.value == value
    assert best.epoch == next(epoch for other, epoch in known if other == value)


def test_patience_counts_epochs_without_enough_improvement():
    assert after([1.0, 0.9, 0.8]).waited == 0
    assert after([1.0, 1.0, 1.0]).waited == 2
    assert after([1.0, 0.9, 0.88, 0.84], least=0.15).waited == 0  # small steps add up
    assert after([1.0, 0.9, 0.89], least=0.15).waited == 2
    assert after([1.0, 0.9, 0.89], least=0.15).epoch == 3
    assert after([0.1, 0.3, 0.2], higher=True).waited == 1
    assert after([math.nan, math.nan]).waited == 2
    assert after([math.inf, math.inf, 1.0]).waited == 0


def test_what_ends_a_training_in_its_order():
    def why(recipe: Recipe, best: Best | None = None, epoch=5, seconds=1.0, finite=True):
        best = best or Best(False, 0.5, 3.0, 0.5, 2)
        return ended_by(recipe, best, epoch=epoch, seconds=seconds, finite=finite)

    assert why(Recipe()) is None
    assert why(Recipe(), finite=False) == "non-finite-loss"
    assert why(Recipe(keep_going=True), finite=False) is None
    assert why(Recipe(patience=2)) == "patience"
    assert why(Recipe(patience=3)) is None
    assert why(Recipe(patience=None), best=Best(False, 1, 1, 1, 999)) is None
    assert why(Recipe(stop_at=0.5)) == "stop-at"
    assert why(Recipe(stop_at=0.4)) is None
    assert why(Recipe(stop_at=0.5), best=Best(True, 0.6, 1.0)) == "stop-at"
    assert why(Recipe(stop_at=0.5), best=Best(False)) is None
    assert why(Recipe(epochs=5)) == "epochs"
    assert why(Recipe(time_budget=1.0)) == "time-budget"


def test_a_monitor_that_is_not_measured_is_refused_with_those_that_are():
    names = ["train_loss", "valid_loss", "valid_accuracy"]
    assert check_monitor("valid_accuracy", names, {"accuracy": True}).higher
    assert not check_monitor("valid_loss", names, {"accuracy": True}).higher
    with pytest.raises(InputError, match=r"'val_loss'.*train_loss, valid_loss, valid_accuracy") as caught:
        check_monitor("val_loss", names, {})
    assert "valid_accuracy" in caught.value.text("es")
