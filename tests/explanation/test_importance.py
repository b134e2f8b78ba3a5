from __future__ import annotations

import json
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import goodfit
from goodfit.errors import InputError
from goodfit.explanation.importance import ColumnImportance, Dependence, Importance
from goodfit.explanation.permutation import measure_importance
from goodfit.messages import LANGUAGES
from goodfit.plots.svg import to_svg
from goodfit.run import Run


def table(rows: int = 400, seed: int = 0) -> pl.DataFrame:
    """Return a table whose ``label`` depends much on ``strong``, some on ``colour``, not on ``noise``."""
    random = np.random.default_rng(seed)
    strong, noise = random.normal(size=rows), random.normal(size=rows)
    colour = random.choice(["red", "green", "blue"], rows)
    day = np.datetime64("2024-01-01") + random.integers(0, 700, rows)
    chance = 3 * strong + 1.5 * (colour == "red") + random.normal(0, 0.3, rows)
    return pl.DataFrame(
        {
            "strong": np.where(random.random(rows) < 0.05, np.nan, strong),
            "noise": noise,
            "colour": colour,
            "day": day,
            "flag": random.choice([True, False], rows),
            "label": np.where(chance > 0.5, "yes", "no"),
            "amount": 10 * chance,
        }
    )


@cache
def run_on(target: str) -> Run:
    frame = table()
    frame = frame.drop("amount" if target == "label" else "label")
    return goodfit.train(frame, target=target, epochs=40, hidden=(16,), learning_rate=0.02)


@pytest.mark.parametrize("target", ["label", "amount"])
def test_the_columns_that_matter_come_first_and_noise_is_told_apart(target):
    found = run_on(target).importance()
    assert [column.name for column in found.columns[:2]] == ["strong", "colour"]
    assert found["strong"].clear
    assert found["strong"].low <= found["strong"].increase <= found["strong"].high
    assert found["noise"].increase < 0.2 * found["strong"].increase
    assert {column.name for column in found.columns} == {"strong", "noise", "colour", "day", "flag"}
    assert (found.accuracy is None) == (target == "amount")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_names_the_first_column_of_the_table_and_whether_it_is_sure(language):
    wide, sure = ColumnImportance("wide", 0.2, -0.1, 0.5, 0.7), ColumnImportance("sure", 0.1, 0.05, 0.15, 0.7)
    for columns, first in (((wide, sure), "wide"), ((sure,), "sure")):
        found = Importance(100, 5, "log_loss", 0.4, 0.9, columns)
        assert found.sentence.values["column"] == found.table()[1][0] == first
        assert first in found.sentence.text(language)
    assert Importance(100, 5, "log_loss", 0.4, 0.9, (wide, sure)).sentence.values["sure"] == "sure"


def test_it_is_the_loss_that_grows_measured_anew_by_hand():
    run = run_on("amount")
    rows = run.table.split.valid
    frame = table().drop("label")[rows]
    found = run.importance()

    def error(rows: pl.DataFrame) -> float:
        predicted = run.predict(rows)["prediction"].to_numpy()
        return float(np.abs(predicted - frame["amount"].to_numpy()).mean())

    assert found.rows == len(rows)
    assert found.loss == pytest.approx(error(frame), rel=1e-4)
    random = np.random.default_rng(5)
    shuffled = [
        error(frame.with_columns(frame["strong"][random.permutation(frame.height)])) for _ in range(20)
    ]
    assert found["strong"].increase == pytest.approx(np.mean(shuffled) - error(frame), rel=0.25)


def test_the_interval_holds_what_other_rows_give():
    run = run_on("label")
    here = run.importance()["strong"]
    elsewhere = run.importance(table(4000, seed=9).drop("amount"))["strong"]
    assert here.low < elsewhere.increase < here.high
    assert elsewhere.high - elsewhere.low < here.high - here.low


def test_dependences_go_as_the_data_do():
    by_name = {item.name: item for item in run_on("label").importance().dependences}
    strong = by_name["strong"]
    assert strong.of == "label = yes"
    assert list(strong.values) == sorted(strong.values)
    assert strong.mean[0] < 0.3
    assert strong.mean[-1] > 0.7
    for low, mean, high in zip(strong.low, strong.mean, strong.high, strict=True):
        assert 0 <= low <= high <= 1
        assert low - 0.2 <= mean <= high + 0.2
    colour = by_name["colour"]
    assert set(colour.values) == {"red", "green", "blue"}
    assert max(zip(colour.mean, colour.values, strict=True))[1] == "red"


def test_a_dependence_is_the_mean_prediction_with_the_value_in_every_row():
    run = run_on("amount")
    (strong, *_) = run.importance().dependences
    rows = table().drop("label")[run.table.split.valid]
    for value, mean in list(zip(strong.values, strong.mean, strict=True))[::5]:
        predicted = run.predict(rows.with_columns(strong=pl.lit(value)))["prediction"]
        assert mean == pytest.approx(predicted.mean(), rel=1e-3, abs=1e-3)


def test_a_loaded_run_still_knows_it_and_the_file_is_plain_json(tmp_path):
    run = run_on("label")
    folder = run.save(tmp_path / "run")
    known = goodfit.load(folder)
    assert known.importance() == run.importance()
    data = json.loads((folder / "importance.json").read_text())
    assert Importance.from_dict(data) == run.importance()
    assert known.importance(table(200, seed=3).drop("amount")).rows == 200
    report = (folder / "report.html").read_text()
    assert 'id="explanation"' in report
    again = known.report(tmp_path / "again.html", language="es").read_text()
    assert again.count("<svg") == report.count("<svg")


def test_a_folder_without_it_loads_and_says_what_to_do(tmp_path):
    folder = run_on("label").save(tmp_path / "run")
    (folder / "importance.json").unlink()
    known = goodfit.load(folder)
    with pytest.raises(InputError, match=r"give a table with the target: run.importance\(data\)"):
        known.importance()
    assert known.importance(table(100).drop("amount")).rows == 100
    assert 'id="explanation"' not in known.report().read_text()


def test_it_never_changes_the_network_and_is_the_same_again():
    run = run_on("label")
    before = [weight.clone() for weight in run.model.parameters()]
    state = torch.get_rng_state()
    again = measure_importance(run.model, run.loss, run.table, run.held_out, seed=run.recipe.seed)
    assert again == run.importance()
    assert all(torch.equal(one, other) for one, other in zip(before, run.model.parameters(), strict=True))
    assert torch.equal(state, torch.get_rng_state())


def test_very_wide_tables_and_costly_networks_are_looked_at_in_part():
    random = np.random.default_rng(0)
    wide = pl.DataFrame({f"c{place}": random.normal(size=300) for place in range(60)})
    wide = wide.with_columns(target=2 * wide["c7"] + random.normal(0, 0.1, 300))
    run = goodfit.train(wide, target="target", epochs=60, hidden=(8,), learning_rate=0.02)
    found = measure_importance(run.model, run.loss, run.table, run.held_out, budget=2e6)
    assert found is not None
    assert found.left_out > 0
    assert found.left_out + len(found.columns) == 60
    assert found.columns[0].name == "c7"
    assert "were not" in found.to_text()


def test_a_network_of_ones_own_and_too_few_rows_have_none():
    rows = torch.randn(60, 3)
    run = goodfit.train((rows, rows.sum(1, keepdim=True)), model=nn.Linear(3, 1), loss="mse", epochs=1)
    assert run.own_importance is None
    with pytest.raises(InputError, match="10 validation rows or more"):
        run.importance()
    with pytest.raises(InputError, match="not trained on a table"):
        run.importance(table())
    with pytest.raises(InputError, match="10 validation rows or more"):
        run_on("label").importance(table(9))


def test_validation_rows_of_their_own_and_estimators_have_it():
    frame = table().drop("amount")
    run = goodfit.train(frame, target="label", valid=table(60, seed=4).drop("amount"), epochs=2)
    assert run.importance().rows == 60
    numbers = frame.select("strong", "noise").fill_nan(0).to_numpy()
    classifier = goodfit.GoodFitClassifier(epochs=20, learning_rate=0.02).fit(
        numbers, frame["label"].to_list()
    )
    assert classifier.run_.importance().columns[0].name == "x1"


def test_several_targets_and_many_classes():
    frame = table().drop("label").with_columns(other=table()["noise"] * 3)
    found = goodfit.train(frame.drop("noise"), target=["amount", "other"], epochs=5, hidden=(8,)).importance()
    assert found.metric == "mae"
    kinds = table().drop("label", "amount").with_columns(target=pl.Series(["a", "b", "c", "d"] * 100))
    found = goodfit.train(kinds, target="target", epochs=3, hidden=(8,)).importance()
    assert found.accuracy is not None
    assert "No column by itself" in found.sentence.text() or found.columns[0].clear


def test_it_reads_well_in_both_languages():
    found = run_on("label").importance()
    text = found.to_text()
    assert "The network leans most on strong: with its values shuffled among the rows," in text
    assert "La red se apoya sobre todo en strong" in found.to_text("es")
    assert "and 3 more columns" in found.to_text(most=2)
    assert "<table>" in found._repr_html_()
    assert (
        repr(found)
        == f"<Importance of 5 columns on {found.rows} rows: strong, colour, {found.columns[2].name}, ...>"
    )
    with pytest.raises(KeyError):
        found["nothing"]


def example(names: int = 3) -> Importance:
    columns = tuple(
        ColumnImportance(f"$c_{n}", 1.0 / (n + 1), 0.5 / (n + 1) - 0.1, 2.0 / (n + 1)) for n in range(names)
    )
    ways = (1.0, 2.0, 3.0), (0.5, 1.5, 2.5), (1.5, 2.5, 3.5)
    dependences = (
        Dependence("$c_0", "number", "y", (0.0, 1.0, 2.0), *ways),
        Dependence("c1", "category", "y", ("<a>", "b", "a very long category"), *ways),
        Dependence("c2", "datetime", "y", ("2024-01-01", "2024-02-01", "2024-03-01"), *ways),
    )
    return Importance(100, 5, "mae", 1.0, None, columns, dependences=dependences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_column_has_a_dot_and_an_interval(language):
    axes = example(30).plot(language=language)
    assert len(axes.get_yticklabels()) == 12
    assert axes.get_yticklabels()[0].get_text() == "$c_0"
    assert isinstance(axes.figure, Figure)
    assert "<svg" in to_svg(axes.figure)


@pytest.mark.parametrize("column", [None, "$c_0", "c1", "c2"])
def test_a_dependence_is_drawn_for_every_kind(column):
    axes = example().plot_dependence(column)
    assert axes.get_xlabel() == (column or "$c_0")
    assert isinstance(axes.figure, Figure)
    assert "<svg" in to_svg(axes.figure)


def test_an_unknown_column_is_refused_with_those_there_are():
    with pytest.raises(InputError, match=r"the foremost columns: \$c_0, c1, c2"):
        example().plot_dependence("z")


@pytest.mark.parametrize("size", [1e37, 1e-300])
def test_targets_of_any_size_are_measured_and_drawn(size):
    frame = table(100).select("strong", "colour", pl.col("amount").alias("target") * size)
    run = goodfit.train(frame, target="target", epochs=3, hidden=(4,), task="regression")
    found = run.importance()
    assert all(np.isfinite([column.low, column.high]).all() for column in found.columns)
    dependence = Dependence("c", "number", "y", (-size, 0.0, size), *[(-size, 0.0, size)] * 3)
    axes = Importance(60, 5, "mae", size, None, found.columns, dependences=(dependence,)).plot_dependence()
    assert "<svg" in to_svg(axes.figure)
    assert "<svg" in to_svg(found.plot().figure)


def test_a_network_without_finite_predictions_has_none():
    run = goodfit.train(table(100).drop("label"), target="amount", epochs=1, hidden=(4,))
    with torch.no_grad():
        next(run.model.parameters()).fill_(float("nan"))
    assert run.own_importance is None


def test_the_accuracy_is_that_of_the_predictions_also_where_the_threshold_is_moved():
    frame = table().drop("amount")
    run = goodfit.train(frame, target="label", epochs=10, learning_rate=0.02, threshold=0.9)
    rows = frame[run.table.split.valid]
    right = (run.predict(rows)["prediction"] == rows["label"]).mean()
    assert run.importance().accuracy == pytest.approx(right)
