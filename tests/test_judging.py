from __future__ import annotations

import numpy as np
import pytest
import torch

import goodfit
from goodfit.errors import InputError
from goodfit.judging import arrays_of, units
from spine_for_tests import classes_run, numbers_run, people


def test_scores_are_those_of_the_predictions():
    frame = people(200, seed=5)
    run = classes_run()
    predicted, evaluation = run.predict(frame), run.evaluate(frame)
    right = float(np.mean(predicted["prediction"].to_numpy() == frame["bought"].to_numpy()))
    assert evaluation.metrics["accuracy"].value == pytest.approx(right)
    sure = np.where(frame["bought"] == "yes", predicted["p_yes"], predicted["p_no"])
    assert evaluation.metrics["log_loss"].value == pytest.approx(-np.mean(np.log(sure)), rel=1e-5)
    assert evaluation.rows == 200
    assert set(evaluation.baselines) == {"prior", "linear"}


def test_errors_are_in_the_datas_units():
    frame = people(200, seed=5)
    run = goodfit.train(people(), target="income", epochs=2, hidden=(4,))
    predicted, evaluation = run.predict(frame)["prediction"], run.evaluate(frame)
    mae = float(np.mean(np.abs(predicted.to_numpy() - frame["income"].to_numpy())))
    assert evaluation.metrics["mae"].value == pytest.approx(mae, rel=1e-4)
    assert [output.name for output in numbers_run().evaluate(frame).outputs] == ["age", "income"]


def test_metrics_of_the_recipe_are_reported_on_the_test_rows_too():
    run = goodfit.train(people(), target="bought", epochs=1, hidden=(4,), metrics=("recall", "brier"))
    assert {"recall", "brier", "accuracy"} <= set(run.evaluation.metrics)
    assert {"recall", "brier"} <= set(run.evaluate(people(seed=1)).metrics)


def test_rows_without_a_target_are_left_out_and_said():
    frame = people(60, seed=6).with_columns(bought=people(60)["bought"].scatter(list(range(0, 60, 3)), None))
    evaluation, notes = classes_run().evaluate_table(frame)
    assert evaluation.rows == 40
    assert "20 rows have no target and are left out." in [note.text() for note in notes]


def test_a_table_without_one_target_is_refused():
    import polars as pl

    frame = people(30).with_columns(bought=pl.lit(None, dtype=pl.String))
    with pytest.raises(InputError, match="has a value of bought that can be used"):
        classes_run().evaluate(frame)
    with pytest.raises(InputError, match="has no column 'bought'"):
        classes_run().evaluate(people(30).drop("bought"))


def test_one_target_is_a_plain_row_of_numbers():
    facts = goodfit.train(people(), target="age", epochs=1, hidden=(4,)).table
    assert units(np.zeros((5, 1), dtype=np.float32), facts).shape == (5,)
    assert units(np.zeros((5, 2), dtype=np.float32), numbers_run().table).shape == (5, 2)


def test_inputs_become_arrays_with_or_without_categories():
    assert arrays_of(torch.ones(2, 3))[1] is None
    numbers, codes = arrays_of((torch.ones(2, 3), torch.zeros(2, 1, dtype=torch.int32)))
    assert numbers.shape == (2, 3)
    assert codes.dtype == np.int32
