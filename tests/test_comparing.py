from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from torch import nn

import goodfit
from goodfit.errors import InputError
from goodfit.messages import Message
from spine_for_tests import people, program

GIVEN = {"target": "bought", "hidden": (8,), "test_fraction": 0.4, "vitals": False}


@cache
def run(rate=0.01, **options):
    return goodfit.train(people(300), learning_rate=rate, epochs=12, **GIVEN, **options)


@cache
def numbers(weight):
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    frame = pl.DataFrame({"x": x, "price": 3 * x + random.normal(size=200)})
    return goodfit.train(frame, target="price", hidden=(8,), epochs=20, learning_rate=weight)


def test_a_run_that_has_learned_is_better_than_one_that_has_not():
    found = goodfit.compare(run(1e-6), run())
    assert found.verdict() == "better"
    assert goodfit.compare(run(), run(1e-6)).verdict() == "worse"
    assert found.rows == run().evaluation.rows
    for place, one in enumerate((run(1e-6), run())):
        for metric, scores in found.scores.items():
            assert scores[place].value == pytest.approx(one.evaluation.metrics[metric].value)
    assert found.recipes == {"learning_rate": ("1e-06", "0.01")}
    assert {one.test for one in found.differences} == {"rows", "mcnemar"}
    assert "is better than" in found.to_text()
    assert "seeds=8" in found.to_text()


def test_a_run_is_no_different_from_itself():
    found = goodfit.compare(run(), run())
    assert found.verdict() == "no different"
    assert found.names == ("frame (1)", "frame (2)")
    assert "same in every field" in found.to_text()
    assert "come out the same" in found.to_text()
    assert "-0.000" not in found.to_text()
    assert "dan lo mismo" in found.to_text("es")


def test_numbers_are_compared_by_their_errors():
    found = goodfit.compare(numbers(1e-6), numbers(0.03))
    assert (found.main_metric, found.verdict()) == ("rmse", "better")
    assert {one.test for one in found.differences} == {"rows"}


def test_seeds_and_folds_are_paired():
    seeds = goodfit.compare(run(1e-6, seeds=3), run(seeds=3))
    (by_seeds,) = (one for one in seeds.differences if one.test == "seeds")
    scores = [
        [each.scores["log_loss"] for each in one.repeats.trainings]
        for one in (run(1e-6, seeds=3), run(seeds=3))
    ]
    assert by_seeds.difference.value == pytest.approx(np.mean(scores[0]) - np.mean(scores[1]))
    assert by_seeds.pairs == 3
    assert not seeds.notes
    averaged = goodfit.compare(run(1e-6, seeds=3), run(seeds=3, ensemble=True))
    assert [note.code for note in averaged.notes] == ["comparison.note.ensemble"]


def test_folds_are_compared_on_every_row():
    given = {name: value for name, value in GIVEN.items() if name != "test_fraction"}
    runs = [goodfit.train(people(), learning_rate=rate, epochs=4, folds=3, **given) for rate in (1e-6, 0.01)]
    found = goodfit.compare(*runs)
    assert (found.rows, found.unseen) == (120, "folds")
    assert {one.test for one in found.differences} == {"rows", "mcnemar", "folds"}


def test_several_runs_are_held_to_the_first_with_corrected_p_values():
    two = goodfit.compare(run(1e-6), run(0.003))
    three = goodfit.compare(run(1e-6), run(0.003), run())
    assert [one.run for one in three.differences] == sorted(one.run for one in three.differences)
    corrected = {(one.metric, one.test): one.p for one in three.differences if one.run == 1}
    for one in two.differences:
        assert corrected[one.metric, one.test] >= one.p


def test_runs_tested_on_different_rows_are_compared_on_those_they_share():
    other = goodfit.train(people(300), learning_rate=0.01, epochs=3, seed=5, **GIVEN)
    found = goodfit.compare(run(), other)
    shared = set(run().test_predictions["row"]) & set(other.test_predictions["row"])
    assert found.rows == len(shared) < run().evaluation.rows
    assert Message("comparison.note.common-rows") in found.notes


def test_networks_of_ones_own_are_compared_too():
    random = np.random.default_rng(0)
    inputs = random.normal(size=(150, 3)).astype(np.float32)
    labels = (inputs[:, 0] > 0).astype(np.int64)
    runs = [
        goodfit.train(
            (inputs, labels),
            model=nn.Linear(3, 2),
            loss="cross_entropy",
            learning_rate=rate,
            epochs=20,
            test_fraction=0.4,
        )
        for rate in (1e-6, 0.05)
    ]
    assert goodfit.compare(*runs).verdict() == "better"


def test_what_cannot_be_compared_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="There is 1 run to compare"):
        goodfit.compare(run())
    with pytest.raises(InputError, match=r"predict different columns \(bought and price\)"):
        goodfit.compare(run(), numbers(0.03))
    other = goodfit.train(people(300, seed=1), epochs=2, **GIVEN)
    with pytest.raises(InputError, match="were trained on different data"):
        goodfit.compare(run(), other)
    with pytest.raises(InputError, match="has kept no predictions of test rows"):
        goodfit.compare(run(), replace(run(), test_predictions=None))
    few = replace(run(), test_predictions=run().test_predictions.head(3))
    with pytest.raises(InputError, match="Only 3 rows are new"):
        goodfit.compare(run(), few)


def test_the_command_line_gives_text_json_and_a_page(tmp_path):
    folders = [one.save(tmp_path / name) for name, one in (("a", run(1e-6)), ("b", run()))]
    ended = program("compare", *folders)
    assert ended.status == 0
    assert "Differences from" in ended.out
    told = json.loads(program("compare", *folders, "--format", "json").out)
    assert told["verdicts"] == ["better"]
    page = tmp_path / "page.html"
    assert program("compare", *folders, "-o", page, "--language", "es").status == 0
    text = page.read_text("utf-8")
    assert "<svg" in text
    assert "ejecuciones comparadas" in text
    assert "nowhere" in program("compare", tmp_path / "a", tmp_path / "nowhere").sentence
    assert "--format" in program("compare", *folders, "--format", "pdf").sentence
    assert "name at least two" in program("compare").sentence


def test_a_bag_is_not_told_to_train_single_networks():
    given = {"target": "bought", "hidden": (4,), "epochs": 3, "bag": 3, "split_seed": 0}
    bags = [goodfit.train(people(), seed=seed, **given) for seed in (0, 1)]
    told = [note.code for note in goodfit.compare(*bags).notes]
    assert "comparison.note.bag" in told
    assert "comparison.note.one-training" not in told
