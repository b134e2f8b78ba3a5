"""A table's target and the loss that is named for it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

import goodfit

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(120, 2))
FRAME = pl.DataFrame(
    {
        "a": NUMBERS[:, 0],
        "b": NUMBERS[:, 1],
        "two": np.where(NUMBERS.sum(1) > 0, "yes!", "no!"),
        "three": np.array(["low", "middle", "high"])[np.digitize(NUMBERS[:, 0], [-0.5, 0.5])],
        "number": NUMBERS.sum(1),
    }
)


def train(target: str, **fields: object) -> goodfit.Run:
    return goodfit.train(
        FRAME.select("a", "b", target), target=target, epochs=30, learning_rate=0.01, **fields
    )


def test_bce_with_two_classes_gives_a_probability_of_each() -> None:
    run = train("two", loss="bce")
    predicted = run.predict(FRAME)
    assert predicted.columns == ["prediction", "p_no!", "p_yes!"]
    np.testing.assert_allclose(predicted["p_no!"] + predicted["p_yes!"], 1, rtol=1e-6)
    assert (predicted["prediction"] == FRAME["two"]).mean() > 0.85
    assert run.evaluation is not None
    assert run.evaluation.metrics["accuracy"].value > 0.8
    logits = run.predict(FRAME, logits=True)
    odds = logits["logit_yes!"] - logits["logit_no!"]
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), predicted["p_yes!"], rtol=1e-5)


@pytest.mark.parametrize(
    ("target", "loss", "said"),
    [
        ("two", "mse", "The loss mse is for numbers, and two holds classes"),
        ("number", "cross_entropy", "The loss cross_entropy is for classes, and number holds numbers"),
        ("three", "bce", "The loss bce is for two classes, and three has 3"),
    ],
)
def test_a_loss_for_another_kind_of_target_is_refused(target: str, loss: str, said: str) -> None:
    with pytest.raises(goodfit.InputError, match=said):
        train(target, loss=loss)


def test_a_loss_of_ones_own_on_classes_takes_logits() -> None:
    def focal(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        each = torch.nn.functional.cross_entropy(outputs, target, reduction="none")
        return (1 - torch.exp(-each)) ** 2 * each

    run = train("three", loss=focal)
    predicted = run.predict(FRAME)
    shares = predicted.select("p_high", "p_low", "p_middle").sum_horizontal()
    np.testing.assert_allclose(shares, 1, rtol=1e-5)
    assert (predicted["prediction"] == FRAME["three"]).mean() > 0.8


def test_a_loss_of_ones_own_on_numbers_takes_values() -> None:
    run = train("number", loss=lambda outputs, target: (outputs - target).abs().sqrt())
    assert run.evaluation is not None
    assert run.evaluation.metrics["r2"].value > 0.5
