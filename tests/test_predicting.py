from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import goodfit
from goodfit.errors import InputError
from goodfit.models.ensemble import Ensemble
from goodfit.predicting import (
    as_inputs,
    disagreement_of_outputs,
    outputs_of,
    predict_rows,
    prediction_frame,
    spelled,
)
from goodfit.training.losses import make_loss
from spine_for_tests import classes_run, numbers_run, people


def test_classes_have_a_label_and_a_probability_each():
    frame = classes_run().predict(people(seed=1))
    assert frame.columns == ["prediction", "p_no", "p_yes"]
    assert frame.dtypes == [pl.String, pl.Float64, pl.Float64]
    np.testing.assert_allclose(frame["p_no"] + frame["p_yes"], 1, atol=1e-6)
    likely = np.where(frame["p_yes"] > frame["p_no"], "yes", "no")
    assert frame["prediction"].to_list() == likely.tolist()


def test_logits_are_what_the_probabilities_come_from():
    run = classes_run()
    logits, sure = run.predict(people(), logits=True), run.predict(people())
    assert logits.columns == ["prediction", "logit_no", "logit_yes"]
    powers = np.exp(logits.select("logit_no", "logit_yes").to_numpy())
    np.testing.assert_allclose(powers[:, 1] / powers.sum(1), sure["p_yes"], atol=1e-6)


def test_several_numbers_have_a_column_each_in_the_datas_units():
    frame = numbers_run().predict(people())
    assert frame.columns == ["prediction_age", "prediction_income"]
    assert 20 < frame["prediction_age"].mean() < 60
    assert frame["prediction_income"].mean() > 500


def test_one_number_is_the_prediction():
    run = goodfit.train(people(), target="age", epochs=1, hidden=(4,))
    assert run.predict(people()).columns == ["prediction"]


@pytest.mark.parametrize(
    ("labels", "columns", "kind"),
    [
        ([False, True], ["p_false", "p_true"], pl.Boolean),
        ([0, 1], ["p_0", "p_1"], pl.Int64),
        ([10, 9, 2], ["p_2", "p_9", "p_10"], pl.Int64),
        (["b", "a", "p_a"], ["p_a", "p_b", "p_p_a"], pl.String),
        (["prediction", "p_prediction", "x"], ["p_p_prediction", "p_prediction", "p_x"], pl.String),
        (["1", "01", "one"], ["p_01", "p_1", "p_one"], pl.String),
        (["Zürich", "São Paulo", "x,y"], ["p_São Paulo", "p_Zürich", "p_x,y"], pl.String),
    ],
)
def test_labels_keep_their_type_and_columns_their_order(labels, columns, kind):
    rows = 60
    x = np.arange(rows) / rows
    target = [labels[number % len(labels)] for number in range(rows)]
    run = goodfit.train({"x": x, "y": target}, target="y", epochs=1, hidden=(4,))
    frame = run.predict({"x": x})
    assert frame.columns == ["prediction", *columns]
    assert frame["prediction"].dtype == kind
    assert set(frame["prediction"].to_list()) <= set(labels)


def test_a_pandas_frame_comes_back_as_one_with_its_index():
    frame = people(seed=2).to_pandas()
    frame.index = pd.Index([f"row {number}" for number in range(len(frame))], name="who")
    predicted = classes_run().predict(frame)
    assert isinstance(predicted, pd.DataFrame)
    assert predicted.index.equals(frame.index)
    assert list(predicted.columns) == ["prediction", "p_no", "p_yes"]
    same = classes_run().predict(people(seed=2))
    assert predicted["prediction"].tolist() == same["prediction"].to_list()
    np.testing.assert_array_equal(predicted["p_yes"].to_numpy(), same["p_yes"].to_numpy())


def test_a_pair_of_pandas_comes_back_with_the_index_of_its_inputs():
    frame = pd.DataFrame(
        np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"], index=range(100, 160)
    )
    run = goodfit.train((frame, (frame["a"] > 0).astype(int)), epochs=1, hidden=(4,))
    assert run.predict(frame).index.equals(frame.index)
    assert run.predict((frame, frame["a"])).index.equals(frame.index)


def test_columns_of_pandas_may_be_called_by_numbers():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)))
    run = goodfit.train(frame, target=2, epochs=1, hidden=(4,))
    assert run.table.profile.targets == ("2",)
    assert list(run.predict(frame)) == ["prediction"]
    with pytest.raises(goodfit.InputError, match="has no column '7'"):
        goodfit.train(frame, target=7)


def test_an_index_that_repeats_is_no_trouble():
    frame = people(30).to_pandas()
    frame.index = [0] * 30
    assert classes_run().predict(frame).index.tolist() == [0] * 30


def test_a_path_and_a_dict_come_back_as_polars(tmp_path):
    people().write_parquet(tmp_path / "p.parquet")
    whole = classes_run().predict(people())
    assert classes_run().predict(tmp_path / "p.parquet").equals(whole)
    assert classes_run().predict(people().to_dict(as_series=False)).equals(whole)


def test_arrays_are_predicted_as_they_were_trained():
    random = np.random.default_rng(0)
    x = random.normal(size=(90, 4))
    y = (x[:, 0] > 0).astype(int)
    run = goodfit.train((x, y), epochs=2, hidden=(4,))
    frame = run.predict(x)
    assert frame.columns == ["prediction", "p_0", "p_1"]
    assert frame.equals(run.predict((x, y)))
    assert len(frame) == 90


@settings(max_examples=15)
@given(st.permutations(range(40)), st.permutations(people().columns))
def test_rows_and_columns_may_come_in_any_order(rows, columns):
    frame = people(40, seed=3)
    straight = classes_run().predict(frame)
    mixed = classes_run().predict(frame[list(rows)].select(columns))
    assert mixed["prediction"].to_list() == straight[list(rows)]["prediction"].to_list()
    np.testing.assert_allclose(mixed["p_yes"], straight[list(rows)]["p_yes"], atol=1e-6)


def test_a_row_is_predicted_the_same_alone_and_among_others():
    frame = people(40, seed=3)
    together = classes_run().predict(frame)
    for row in (0, 7, 39):
        one = classes_run().predict(frame[row])
        np.testing.assert_allclose(one["p_yes"], together[row]["p_yes"], atol=1e-6)


def test_outputs_do_not_depend_on_how_many_rows_go_through_at_once(monkeypatch):
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    network.train()
    rows = torch.arange(30.0).reshape(10, 3)
    whole = outputs_of(network, rows)
    monkeypatch.setattr("goodfit.predicting.ELEMENTS", 9)
    torch.testing.assert_close(outputs_of(network, rows), whole)
    assert network.training
    assert not whole.requires_grad


def test_arrays_become_tensors_nested_as_they_were():
    nested = as_inputs({"a": np.zeros((2, 1)), "b": (np.ones(2, dtype=np.int64), torch.ones(1))})
    assert nested["a"].dtype == torch.float32
    assert nested["b"][0].dtype == torch.int64
    assert isinstance(nested["b"], tuple)


def test_class_names_are_spelled_as_in_json():
    assert [spelled(label) for label in (True, False, 1, "True")] == ["true", "false", "1", "True"]


def test_a_prediction_frame_needs_no_more_than_facts():
    facts = classes_run().table
    frame = prediction_frame(np.array([[0.25, 0.75]], dtype=np.float32), facts)
    assert frame.row(0) == ("yes", 0.25, 0.75)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (np.ones((3, 5), dtype=np.float32), r"cannot take the inputs \(3, 5\) float32"),
        (np.array([["a", "b"]]), "in place of numbers"),
        ("a path", "in place of numbers"),
        (np.ones((0, 4), dtype=np.float32), "no rows to predict"),
    ],
)
def test_what_ones_own_network_cannot_take_is_refused(inputs, words):
    data = (torch.randn(40, 4), torch.arange(40) % 2)
    run = goodfit.train(data, model=nn.Linear(4, 2), loss="cross_entropy", epochs=1)
    with pytest.raises(InputError, match=words):
        run.predict(inputs)


def test_disagreement_counts_each_member_as_the_ensemble_does():
    networks = [torch.nn.Linear(2, 1), torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)]
    rows, loss = torch.randn(5, 2), make_loss("mse")
    said = np.stack([predict_rows(network, loss, rows) for network in networks])
    equal = disagreement_of_outputs(Ensemble(networks), loss, rows)
    assert equal == pytest.approx(said.std(0, ddof=1), rel=1e-4)
    alone = disagreement_of_outputs(Ensemble(networks, weights=[0.998, 0.001, 0.001]), loss, rows)
    assert (alone < equal).all()
