from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import goodfit
from goodfit.cli.telling import tell_run
from goodfit.evaluation.scores import Evaluation
from goodfit.workflow import table_defaults
from goodfit.workflow.default_network import Comparison


def table(rows: int, *, bent: bool) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    y = (np.abs(x[:, 0]) * 3 if bent else x @ [1.0, -2.0, 0.5]) + rng.normal(0, 0.2, rows)
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})


def notes(run: goodfit.Run) -> list[str]:
    return [note.code for note in run.notes if "linear" in note.code]


def test_where_a_linear_model_serves_it_is_trained_and_said():
    run = goodfit.train(table(200, bent=False), target="y")
    assert run.recipe.model == "linear"
    note = next(note for note in run.notes if note.code == "training.note.linear-serves-numbers")
    assert 'model = "linear"' in note.text("en")
    assert note.text("es") != note.text("en")
    assert run.recipe.bag == 5
    assert run.evaluation.metrics["rmse"].value <= 1.05 * run.evaluation.baselines["linear"]["rmse"].value


def test_what_serves_is_told_as_linear_and_not_as_a_network_that_fails(tmp_path):
    run = goodfit.train(table(200, bent=False), target="y")
    said = run.evaluation.to_text()
    assert "The model is linear itself" in said
    assert "linear, fitted" in said
    assert Evaluation.from_dict(run.evaluation.to_dict()).to_text() == said
    assert run.evaluate(table(200, bent=False)).linear
    assert "El modelo es lineal" in tell_run(run, "es")
    assert "does not beat" not in run.report(tmp_path / "report.html").read_text()


def test_classes_are_told_as_classes():
    frame = table(200, bent=False).with_columns(
        y=pl.when(pl.col("y") > 0).then(pl.lit("up")).otherwise(pl.lit("down"))
    )
    assert notes(goodfit.train(frame, target="y")) == ["training.note.linear-serves-classes"]


@pytest.mark.parametrize("divided", ["time_column", "group_column"])
def test_small_tables_divided_by_time_or_group_are_compared_too(divided):
    for bent in (False, True):
        day = pl.Series(np.repeat(np.arange(100), 3))
        frame = table(300, bent=bent).with_columns(day=day)
        run = goodfit.train(frame, target="y", **{divided: "day"})
        assert (run.recipe.model == "linear") is not bent
        assert notes(run) == ([] if bent else ["training.note.linear-serves-numbers"])


def test_one_network_of_a_table_too_large_for_several_is_compared_too(monkeypatch):
    monkeypatch.setattr(table_defaults, "SECONDS", 2.0)
    for bent in (False, True):
        run = goodfit.train(table(1200, bent=bent), target="y", diagnose=False)
        assert (run.recipe.model, run.recipe.bag) == ("tabm" if bent else "linear", 1)
        assert notes(run) == ([] if bent else ["training.note.linear-serves-numbers"])


def test_what_is_trained_beforehand_is_what_is_trained():
    frame = table(300, bent=True).with_columns(day=pl.Series(np.repeat(np.arange(100), 3)))
    run = goodfit.train(frame, target="y", group_column="day")
    again = goodfit.train(frame, target="y", group_column="day", recipe=run.recipe)
    assert again.history["valid_loss"].tolist() == run.history["valid_loss"].tolist()


def test_where_a_network_is_better_it_is_kept():
    run = goodfit.train(table(400, bent=True), target="y")
    assert run.recipe.model != "linear"
    assert notes(run) == []


@pytest.mark.parametrize(
    "said",
    [{"model": "mlp"}, {"hidden": (8,)}, {"epochs": 2}, {"optimizer": "sgd"}],
    ids=["model", "hidden", "epochs", "optimizer"],
)
def test_a_network_that_was_described_is_trained(said):
    run = goodfit.train(table(100, bent=False), target="y", **{"epochs": 2, **said})
    assert run.recipe.model == "mlp"
    assert notes(run) == []


def test_the_comparison_never_sees_the_test_rows():
    frame = table(200, bent=False)
    whole = goodfit.train(frame, target="y")
    tested = whole.table.split.test
    spoilt = frame.with_row_index().with_columns(
        y=pl.when(pl.col("index").is_in(tested.tolist())).then(pl.col("y") * 7).otherwise(pl.col("y"))
    )
    again = goodfit.train(spoilt.drop("index"), target="y")
    said = [next(note.values for note in run.notes if "linear" in note.code) for run in (whole, again)]
    assert said[0] == said[1]


def test_a_fitted_start_is_the_linear_baseline():
    fields = {"model": "linear", "initialization": "fitted", "epochs": 1, "learning_rate": 1e-9}
    frame = table(300, bent=False).with_columns(group=pl.Series(["x", "y", "z"] * 100))
    for target in ("y", "group"):
        run = goodfit.train(frame, target=target, calibrate=False, **fields)
        scores, baseline = run.evaluation.metrics, run.evaluation.baselines["linear"]
        for name, score in scores.items():
            assert score.value == pytest.approx(baseline[name].value, rel=1e-3, nan_ok=True)


def test_a_fitted_start_is_for_linear_networks_of_tables():
    with pytest.raises(goodfit.InputError) as error:
        goodfit.train(table(100, bent=False), target="y", model="mlp", initialization="fitted")
    assert error.value.code == "initialization.fitted-linear"


@pytest.mark.parametrize(("network", "serves"), [(0.9, False), (0.97, True), (1.1, True)])
def test_a_network_must_be_better_by_more_than_a_standard_error(network, serves):
    assert Comparison(network, 1.0, error=0.05, rows=100).linear_serves is serves
