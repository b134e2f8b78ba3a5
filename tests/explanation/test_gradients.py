from __future__ import annotations

import builtins
import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import goodfit
from goodfit.errors import InputError
from goodfit.explanation.gradients import _orders
from goodfit.report.explain_page import render_explanation
from goodfit.run import Run

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
from html_for_tests import check


def table(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    size, weight = random.normal(5, 2, rows), random.normal(50, 10, rows)
    kind = random.choice(["plain", "rich"], rows, p=[0.7, 0.3])
    place = random.choice([f"town {number}" for number in range(6)], rows)
    price = 4 * size + 0.1 * weight + 12 * (kind == "rich") + random.normal(0, 0.2, rows)
    return pl.DataFrame({"size": size, "weight": weight, "kind": kind, "place": place, "price": price})


@cache
def linear_run() -> Run:
    return goodfit.train(table(), target="price", model="linear", epochs=60, learning_rate=0.1)


@cache
def class_run(model: str = "mlp", threshold: float | None = None) -> Run:
    frame = table().with_columns(dear=pl.col("price") > 30).drop("price")
    moved = {} if threshold is None else {"threshold": threshold}
    return goodfit.train(frame, target="dear", model=model, epochs=8, learning_rate=0.02, **moved)


def test_of_a_linear_model_the_effects_are_its_terms():
    run = linear_run()
    frame = table(10, seed=1)
    found = run.explain(frame, range(10))
    typical = pl.DataFrame([found.typical])
    base = run.predict(typical)["prediction"][0]
    assert found.typical["kind"] == "plain"
    for row in found.rows:
        assert row.typical == pytest.approx(base, rel=1e-3)
        by_name = {item.column: item for item in row.attributions}
        for name in ("size", "kind"):
            moved = typical.with_columns(pl.lit(frame[name][row.row]).alias(name))
            alone = run.predict(moved)["prediction"][0] - base
            assert by_name[name].effect == pytest.approx(alone, abs=0.02)
            assert by_name[name].value == frame[name][row.row]
        assert abs(row.remainder) < 1e-6
        assert sum(item.effect for item in row.attributions) == pytest.approx(
            row.value - row.typical, abs=1e-6
        )


@pytest.mark.parametrize("model", ["mlp", "resnet", "tabm"])
def test_the_effects_lead_from_the_typical_row_to_the_prediction(model):
    run = class_run(model)
    frame = table(6, seed=2)
    found = run.explain(frame, range(6))
    predicted, typical = run.predict(frame), run.predict(pl.DataFrame([found.typical]))
    for row in found.rows:
        assert row.prediction == predicted["prediction"][row.row]
        assert row.of == str(row.prediction)
        name = f"p_{str(row.prediction).lower()}"
        assert row.value == pytest.approx(predicted[name][row.row], abs=1e-4)
        assert row.typical == pytest.approx(typical[name][0], abs=1e-4)
        assert row.complete
        sizes = [abs(item.effect) for item in row.attributions]
        assert sizes == sorted(sizes, reverse=True)
    assert found.rows[0].attributions[0].column in ("size", "kind")


def test_a_moved_threshold_moves_the_class_that_is_explained():
    run = class_run(threshold=0.95)
    frame = table(120, seed=2)
    predicted = run.predict(frame)
    between = predicted.with_row_index().filter(pl.col("p_true").is_between(0.5, 0.95))["index"].to_list()
    assert between
    for row in run.explain(frame, between[:3]).rows:
        assert row.prediction is False
        assert row.value == pytest.approx(predicted["p_false"][row.row], abs=1e-4)


def test_sentences_say_what_a_value_did():
    found = class_run().explain(table(40, seed=2), [3])
    text = found.to_text()
    assert text.startswith("Row 3: the network predicts dear = ")
    assert "size = " in text
    assert "raises it by" in text or "lowers it by" in text
    assert "A typical row: size = " in text
    assert "Fila 3: la red predice" in found.to_text("es")
    assert "puntos" in found.to_text("es")
    numbers = linear_run().explain(table(10, seed=4), [0]).to_text()
    assert "Row 0: the network predicts price = " in numbers
    assert "<li>" in found._repr_html_()
    assert repr(found) == "<Explanation of 1 row of frame: dear>"


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_page_says_the_same(language):
    frame = table(10, seed=3).with_columns(place=pl.lit("<b>&"))
    page = check(render_explanation(class_run().explain(frame, [1, 4]), language))
    assert "row-4" in page.ids
    assert "place = <b>&" in page.words or "<b>&" not in page.words


def test_it_is_plain_data_and_the_same_after_loading(tmp_path):
    run = class_run()
    frame = table(20, seed=5)
    found = run.explain(frame, [0, 7])
    assert [row.row for row in found.rows] == [0, 7]
    assert json.loads(json.dumps(found.to_dict()))["rows"][1]["row"] == 7
    again = goodfit.load(run.save(tmp_path / "run")).explain(frame, [0, 7])
    assert again.to_dict() == found.to_dict()
    assert len(run.explain(frame).rows) == 5
    alone = run.explain(frame, [7]).rows[0]
    for one, other in zip(alone.attributions, found.rows[1].attributions, strict=True):
        assert one.effect == pytest.approx(other.effect, abs=1e-9)


def test_missing_values_and_dates_are_told():
    frame = pl.DataFrame(
        {
            "when": [f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(120)],
            "flag": [n % 3 == 0 for n in range(120)],
            "x": [None if n % 10 == 0 else float(n % 7) for n in range(120)],
            "y": [float(n % 12 + n % 7) for n in range(120)],
        }
    )
    run = goodfit.train(frame, target="y", task="regression", epochs=5, hidden=(8,))
    found = run.explain(frame, [10])
    values = {item.column: item.value for item in found.rows[0].attributions}
    assert values["x"] is None
    assert values["when"] == "2024-11-11"
    assert found.typical["flag"] is False
    assert found.typical["when"] in {
        f"2024-{month:02d}-{day:02d}" for month in (6, 7) for day in range(1, 32)
    }
    assert run.predict(pl.DataFrame([found.typical]))["prediction"][0] == pytest.approx(
        found.rows[0].typical, rel=0.01
    )
    assert "x = missing" in found.to_text() or found.rows[0].attributions[-1].column == "x"


def test_one_of_several_targets_and_many_classes():
    frame = table()
    two = goodfit.train(frame.with_columns(half=pl.col("price") / 2), target=["price", "half"], epochs=10)
    first, second = two.explain(frame, [0]), two.explain(frame, [0], target="half")
    assert (first.target, second.target) == ("price", "half")
    assert second.rows[0].value == pytest.approx(two.predict(frame[:1])["prediction_half"][0], rel=1e-3)
    classes = goodfit.train(frame.drop("price"), target="place", epochs=2, hidden=(8,))
    row = classes.explain(frame, [5]).rows[0]
    assert row.value == pytest.approx(classes.predict(frame)[f"p_{row.of}"][5], abs=1e-4)


def test_wrong_rows_and_targets_are_one_sentence():
    run = class_run()
    frame = table(10)
    with pytest.raises(InputError, match="has no row 10; it has 10 rows, counted from 0 to 9"):
        run.explain(frame, [10])
    with pytest.raises(InputError, match="no row -1"):
        run.explain(frame, [-1])
    with pytest.raises(InputError, match="There is no target 'size'; the run predicts dear"):
        run.explain(frame, [0], target="size")


def test_without_captum_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def refused(name, *arguments, **named):
        if name.startswith("captum"):
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", refused)
    with pytest.raises(InputError, match=r"pip install 'goodfit\[explain\]'"):
        class_run().explain(table(10), [0])


def test_orders_are_all_of_a_few_and_mirrored_of_many():
    assert len(_orders(3)) == 6
    many = _orders(12)
    assert len(many) == 24
    assert all(order[::-1] in many for order in many)
    assert all(sorted(order) == list(range(12)) for order in many)


def test_where_most_values_are_rare_a_rare_one_is_typical():
    random = np.random.default_rng(0)
    codes = [f"k{n}" for n in range(80)] + ["often"] * 20 + [f"m{n % 8}" for n in range(100)]
    frame = pl.DataFrame({"code": codes, "x": random.normal(size=200)}).with_columns(y=pl.col("x") * 2)
    run = goodfit.train(frame, target="y", columns={"code": "category"}, epochs=2, hidden=(4,))
    found = run.explain(frame, [0, 90])
    assert found.typical["code"].startswith("k")
    assert next(item.effect for item in found.rows[0].attributions if item.column == "code") == 0


def test_texts_are_explained_as_one_column():
    random = np.random.default_rng(0)
    words = [
        "a fine old wooden house by the sea",
        "a small modern flat downtown",
        "land with trees and a river",
    ]
    kinds = random.integers(0, 3, 150)
    texts = [f"{words[kind]} number {n}" for n, kind in enumerate(kinds)]
    frame = pl.DataFrame({"text": texts, "x": random.normal(size=150), "y": 10.0 * (kinds == 0)})
    run = goodfit.train(
        frame,
        target="y",
        columns={"text": "text"},
        epochs=60,
        learning_rate=0.02,
        hidden=(16,),
        task="regression",
    )
    assert run.importance().columns[0].name == "text"
    row = run.explain(frame, [int(np.argmax(kinds == 0))]).rows[0]
    assert row.attributions[0].column == "text"
    assert row.attributions[0].value.startswith("a fine old")
    assert row.complete
