from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
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


def with_gaps(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the target missing in every seventh, so that those left are numbered otherwise."""
    return frame.with_columns(
        pl.when(pl.int_range(frame.height) % 7 == 0).then(None).otherwise(pl.col("bought")).alias("bought")
    )


def test_the_worst_rows_are_numbered_as_in_the_table_that_was_given():
    frame = with_gaps(people())
    run = goodfit.train(frame, target="bought", epochs=3, hidden=(8,))
    worst = run.worst_rows(5)
    assert worst.columns[:4] == ["row", "actual", "predicted", "loss"]
    assert worst["loss"].is_sorted(descending=True)
    for row in worst.iter_rows(named=True):
        given = frame.row(row["row"], named=True)
        assert (row["actual"], row["age"], row["city"]) == (given["bought"], given["age"], given["city"])
        sure = run.predict(frame[[row["row"]]])[f"p_{given['bought']}"][0]
        assert row["loss"] == pytest.approx(-np.log(sure), rel=1e-4)
    losses = {row.row: row.loss for row in run.evaluation.worst}
    assert len(losses) == min(50, run.evaluation.rows)
    assert set(losses) <= set(np.flatnonzero(frame["bought"].is_not_null()))
    assert "Most wrong in these rows, counted from 0: " in run.evaluation.to_text()


def test_rows_that_are_right_are_not_called_wrong():
    evaluation = classes_run().evaluation
    right = tuple(replace(row, predicted=row.actual) for row in evaluation.worst)
    assert "Most wrong" not in replace(evaluation, worst=right).to_text()


def test_the_worst_rows_of_other_tables_and_of_several_numbers():
    frame = with_gaps(people(60, seed=4))
    worst = classes_run().worst_rows(50, frame)
    assert worst.height == 50
    assert frame["bought"][worst["row"].to_list()].to_list() == worst["actual"].to_list()
    in_pandas = classes_run().worst_rows(3, people(60, seed=4).to_pandas())
    assert isinstance(in_pandas, pd.DataFrame)
    several = numbers_run().worst_rows(4)
    assert several["actual"].dtype == pl.List
    assert several["city"].len() == 4


def test_test_rows_of_a_file_of_their_own_are_numbered_there(tmp_path):
    test = with_gaps(people(40, seed=8)).rename({"age": "row"})
    train = people().rename({"age": "row"})
    run = goodfit.train(train, target="bought", test=test, epochs=1, hidden=(4,))
    worst = run.worst_rows()
    assert test["bought"][worst["row"].to_list()].to_list() == worst["actual"].to_list()
    assert test["row"][worst["row"].to_list()].to_list() == worst["row_"].to_list()
    loaded = goodfit.load(run.save(tmp_path / "run"))
    assert loaded.worst_rows().equals(worst)
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"row = {worst['row_'][0]:g}" in page or worst["row_"][0] is None


def test_without_test_rows_there_are_none_to_tell():
    run = goodfit.train(people(), target="bought", epochs=1, hidden=(4,), test_fraction=0.0)
    with pytest.raises(InputError, match=r"run.worst_rows\(10, data\)"):
        run.worst_rows()
    own = goodfit.train(
        (torch.randn(90, 2), torch.arange(90) % 2),
        loss="cross_entropy",
        model=torch.nn.Linear(2, 2),
        epochs=1,
    )
    assert own.worst_rows(3).columns == ["row", "actual", "predicted", "loss"]


def test_what_was_true_of_a_worst_row_is_what_the_table_says():
    run = goodfit.train(people(), target="income", epochs=1, hidden=(4,))
    worst = run.worst_rows(20)
    assert worst["actual"].to_list() == people()["income"][worst["row"].to_list()].to_list()
