from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import goodfit
from goodfit.data.table import Source
from goodfit.errors import InputError
from goodfit.evaluation.scores import Score
from goodfit.workflow import group_training, more_rows
from goodfit.workflow.more_rows import _options_of, nested_rows
from goodfit.workflow.parts import Part, Parts
from spine_for_tests import people

GIVEN = {"target": "price", "hidden": (16,), "epochs": 30, "learning_rate": 0.01, "batch_size": 32}


@cache
def table(rows=400):
    random = np.random.default_rng(0)
    inputs = random.normal(size=(rows, 4))
    price = np.sin(inputs[:, 0] * 2) + inputs[:, 1] * inputs[:, 2] + 0.1 * random.normal(size=rows)
    return pl.DataFrame({**{f"x{place}": inputs[:, place] for place in range(4)}, "price": price})


@cache
def curve():
    return goodfit.data_curve(table(), seeds=2, **GIVEN)


def test_more_rows_help_where_the_network_has_not_seen_enough():
    found = curve()
    assert found.sizes[-1].rows == 200
    errors = [float(np.mean(size.errors)) for size in found.sizes]
    assert errors[-1] < 0.8 * errors[0]
    assert found.metric == "rmse"
    twice, four = found.forecasts
    assert (twice.rows, four.rows) == (2 * found.sizes[-1].rows, 4 * found.sizes[-1].rows)
    assert four.error.value <= twice.error.value < errors[-1] * 1.05
    assert found.backtest[1] == pytest.approx(errors[-1])


def gaining(low, high):
    """Return the curve with a gain between these shares of the error."""
    now = float(curve().law(curve().sizes[-1].rows))
    twice = curve().forecasts[0]
    gain = Score((low + high) / 2 * now, low * now, high * now)
    return replace(curve(), forecasts=(replace(twice, gain=gain), curve().forecasts[1]))


def test_more_rows_help_where_the_error_surely_falls_by_a_hundredth():
    assert gaining(0.02, 0.2).verdict == "helps"
    assert gaining(0.001, 0.2).verdict == "unknown"
    assert gaining(0.0, 0.005).verdict == "hardly"
    assert "More rows would help" in gaining(0.02, 0.2).to_text()
    assert "apenas aportarían nada" in gaining(0.0, 0.005).to_text("es")


def test_it_is_told_drawn_and_written(tmp_path):
    found = curve()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["verdict"] == found.verdict
    lines = found.plot().get_lines()
    dots = next(line for line in lines if line.get_label() == "a training")
    assert len(dots.get_xdata()) == 2 * len(found.sizes)
    page = found.report(tmp_path / "page.html", language="es").read_text("utf-8")
    assert "<svg" in page
    assert "ley de potencia" in page


def test_the_largest_size_is_the_recipe_trained_on_all_rows():
    fields = {name: value for name, value in GIVEN.items() if name != "target"}
    lone = goodfit.train(table(), target="price", **fields)
    scores = curve().sizes[-1].scores["rmse"]
    assert scores[0] == pytest.approx(lone.evaluation.metrics["rmse"].value, rel=1e-3)


def test_of_an_average_single_networks_are_measured(tmp_path):
    people().write_csv(tmp_path / "people.csv")
    run = goodfit.train(tmp_path / "people.csv", target="bought", model="mlp", hidden=(4,), epochs=2, bag=3)
    found = goodfit.data_curve(run, seeds=2)
    assert found.recipe.bag == 1
    assert "averages 3" in found.to_text()
    with pytest.raises(InputError, match="was not trained on a file"):
        goodfit.data_curve(goodfit.train(people(), target="bought", model="mlp", epochs=1))


def test_rows_of_smaller_trainings_are_among_those_of_larger_ones_with_each_class_in_proportion():
    target = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    parts = Parts(Part("tensors", (torch.zeros(100, 1), target)), classes=(0, 1, 2), source=Source("data"))
    order = nested_rows(parts, 3)
    assert sorted(order.tolist()) == list(range(100))
    for size in (10, 20, 50):
        counts = np.bincount(target[order[:size]].numpy(), minlength=3) / size
        np.testing.assert_allclose(counts, [0.6, 0.3, 0.1], atol=0.11)
        assert counts.min() > 0
    assert nested_rows(parts, 4).tolist() != order.tolist()


def test_classes_and_networks_of_ones_own():
    found = goodfit.data_curve(
        people(), target="bought", hidden=(8,), epochs=4, seeds=1, fractions=(0.4, 0.7, 1.0)
    )
    assert found.metric == "log_loss"
    assert math.isnan(found.backtest[0])
    assert "once only" in found.to_text()
    random = np.random.default_rng(0)
    inputs = random.normal(size=(200, 3)).astype(np.float32)
    labels = (inputs[:, 0] > 0).astype(np.int64)
    own = goodfit.data_curve(
        (inputs, labels), model=lambda: nn.Linear(3, 2), loss="cross_entropy", epochs=3, seeds=2
    )
    assert own.unseen in ("test", "valid")
    assert own.metric == "log_loss"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fractions": (0.5, 1.5, 1.0)}, "is 1.5; each should lie above 0"),
        ({"fractions": (0.5, 1.0)}, "give 2 different numbers of rows"),
        ({"seeds": 0}, "number of seeds is 0"),
    ],
)
def test_what_makes_no_curve_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        goodfit.data_curve(table(), **GIVEN, **options)


def test_too_few_rows_and_loaders_are_refused():
    with pytest.raises(InputError, match="too few to learn from fractions"):
        goodfit.data_curve(table().head(60), **GIVEN)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.zeros(80, 3), torch.zeros(80, dtype=torch.long)), 16
    )
    with pytest.raises(InputError, match="loader cannot be divided"):
        goodfit.data_curve(loader, model=lambda: nn.Linear(3, 2), loss="cross_entropy")


def test_what_was_told_of_columns_is_told_again():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "day": [f"{day % 12 + 1:02d}/{day % 11 + 1:02d}/2024" for day in range(120)],
            "left": rng.normal(size=120),
            "x": rng.normal(size=120),
            "y": rng.normal(size=120),
        }
    )
    told = {"day": "datetime:%d/%m/%Y", "left": "drop", "x": "text"}
    run = goodfit.train(frame, target="y", columns=told, model="mlp", hidden=(2,), epochs=1)
    assert run.table is not None
    assert _options_of(run.table).columns == told


def test_ctrl_c_leaves_no_curve_of_what_was_trained_for_shorter(monkeypatch):
    def pressing(group, attention, *given):
        attention.interrupt()
        train_group(group, attention, *given)

    train_group = group_training.train_group
    monkeypatch.setattr(group_training, "train_group", pressing)
    with pytest.raises(KeyboardInterrupt):
        goodfit.data_curve(table(), fractions=(0.2, 0.6, 1.0), **{**GIVEN, "seeds": 1})


def test_a_time_budget_is_of_all_trainings_together(monkeypatch):
    reckoned, ends, train_all = [], [], more_rows.train_all

    def training_ends(*given):
        reckoned.append((given, time.perf_counter() + 0.5))
        return reckoned[-1][1]

    def watched(members, shown, ends_at, **how):
        ends.append(ends_at)
        train_all(members, shown, ends_at, **how)

    monkeypatch.setattr(more_rows, "training_ends", training_ends)
    monkeypatch.setattr(more_rows, "train_all", watched)
    given = {**GIVEN, "epochs": 10**6, "patience": None, "time_budget": 4.0, "seeds": 2}
    begun = time.perf_counter() - 3.0
    found = goodfit.data_curve(table(), fractions=(0.2, 0.6, 1.0), begun=begun, **given)
    (((budget, since, *_), end),) = reckoned
    assert (budget, since, ends) == (4.0, begun, [end])
    (note,) = [note for note in found.notes if note.code == "data_curve.note.cut"]
    assert note.values == {"count": 6, "all": 6}


def test_the_budget_of_a_run_is_each_training_s_own(tmp_path):
    table().write_csv(tmp_path / "prices.csv")
    run = goodfit.train(tmp_path / "prices.csv", time_budget=60.0, **GIVEN)
    found = goodfit.data_curve(run, fractions=(0.4, 0.7, 1.0), seeds=1, begun=time.perf_counter() - 100.0)
    assert "data_curve.note.cut" not in [note.code for note in found.notes]
