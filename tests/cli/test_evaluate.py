from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from spine_for_tests import classes_run, numbers_run, people, program


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    classes_run().save(folder / "run")
    numbers_run().save(folder / "numbers")
    return folder


@pytest.fixture(autouse=True)
def place(home, tmp_path, monkeypatch) -> Path:
    for name in ("run", "numbers"):
        (tmp_path / name).symlink_to(home / name)
    people(80, seed=9).write_csv(tmp_path / "new.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_scores_are_printed_beside_the_baselines():
    ended = program("evaluate", "run", "new.csv")
    assert ended.status == 0
    assert ended.out.startswith("Evaluated on 80 rows. In brackets: 95% bootstrap intervals.\n")
    assert "log loss" in ended.out
    assert "linear model" in ended.out
    assert program("evaluate", "numbers", "new.csv").out.count("\nincome ") == 1


def test_it_is_said_in_spanish():
    ended = program("evaluate", "run", "new.csv", "--language", "es")
    assert ended.out.startswith("Evaluado en 80 filas.")
    assert "modelo lineal" in ended.out


def test_rows_without_a_target_are_said_on_stderr():
    frame = people(80, seed=9).with_columns(bought=pl.when(pl.int_range(80) >= 30).then("bought"))
    frame.write_csv("some.csv")
    ended = program("evaluate", "run", "some.csv")
    assert "Evaluated on 50 rows." in ended.out
    assert "30 rows have no target and are left out.\n" in ended.err
    assert program("evaluate", "run", "some.csv", "--quiet").err == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop("bought"), "has no column 'bought', which the model needs"),
        (
            lambda frame: frame.with_columns(bought=pl.lit("maybe")),
            "has classes that the training data do not",
        ),
        (
            lambda frame: frame.with_columns(bought=pl.lit("")),
            "No row of bad.csv has a value of bought that can be used",
        ),
        (lambda frame: frame.head(0), "has names of columns but no rows of data"),
    ],
)
def test_rows_that_cannot_be_judged_are_refused_in_one_sentence(change, said):
    change(people(80, seed=9)).write_csv("bad.csv")
    ended = program("evaluate", "run", "bad.csv")
    assert ended.status == 2
    assert said in ended.sentence


def test_one_row_and_one_class_are_judged_as_far_as_that_goes():
    people(80, seed=9).head(1).write_csv("one.csv")
    ended = program("evaluate", "run", "one.csv")
    assert ended.status == 0
    assert "Evaluated on 1 row." in ended.out
    people(80, seed=9).filter(pl.col("bought") == "yes").write_csv("yes.csv")
    assert program("evaluate", "run", "yes.csv").status == 0
