from __future__ import annotations

import numpy as np
import pytest

from goodfit.evaluation.calibration import Calibration, fit_temperature


def drawn(rows: int, classes: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (rows, classes))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return logits, (shares.cumsum(1) < rng.random((rows, 1))).sum(1).clip(max=classes - 1)


@pytest.mark.parametrize("factor", [0.5, 2.0, 4.0])
def test_the_factor_by_which_outputs_are_too_sure_is_found(factor):
    logits, target = drawn(4000, 4)
    found = fit_temperature(factor * logits, target)
    assert found.temperature == pytest.approx(factor, rel=0.1)
    assert found.after < found.before
    assert found.rows == 4000


def test_it_never_raises_the_log_loss_it_was_fitted_on():
    for seed in range(10):
        logits, target = drawn(60, 3, seed)
        found = fit_temperature(logits, target)
        assert found.after <= found.before


def test_rows_that_are_all_right_ask_for_no_boundless_confidence():
    target = np.arange(100) % 2
    found = fit_temperature(np.eye(2)[target] * 3, target)
    assert 0.2 <= found.temperature <= 1
    sure = fit_temperature(np.eye(2)[target] * 30, target)
    assert sure.temperature == 1.0


def test_too_few_rows_or_no_numbers_have_none():
    logits, target = drawn(49, 2)
    assert fit_temperature(logits, target) is None
    assert fit_temperature(np.full((60, 2), np.nan), np.zeros(60, int)) is None


def test_one_output_is_the_second_of_two_classes():
    logits, target = drawn(500, 2)
    one = fit_temperature(2 * (logits[:, 1:] - logits[:, :1]), target)
    assert one.temperature == pytest.approx(fit_temperature(2 * logits, target).temperature, rel=1e-3)
    assert Calibration.from_dict(one.to_dict()) == one
    with pytest.raises(ValueError, match="temperature"):
        Calibration.from_dict({**one.to_dict(), "temperature": 0.0})
