from __future__ import annotations

import tomllib
from pathlib import Path

import polars as pl
import pytest

import goodfit
from spine_for_tests import people_file, program

QUICK = ("--trials", "6", "--epochs", "4", "--seeds", "2", "--hidden", "8")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder, as somebody who has just begun does."""
    monkeypatch.chdir(tmp_path)
    people_file(tmp_path)
    return tmp_path


def test_a_search_is_told_of_and_its_best_recipe_trains_again(place):
    ended = program("tune", "people.csv", "--target", "bought", *QUICK, "--output", "found")
    assert ended.status == 0, ended.err
    assert ended.err == ""
    assert "6 recipes were tried" in ended.out
    assert "HOW SURE IT IS" in ended.out
    assert "goodfit train people.csv --target bought --recipe found/best.toml" in ended.out
    assert "--resume --output found" in ended.out
    trials = pl.read_csv("found/trials.csv")
    assert trials.height == 6
    assert pl.read_csv("found/curves.csv")["trial"].n_unique() == 6
    best = tomllib.loads(Path("found/best.toml").read_text())
    assert best["hidden"] == [8]
    again = program(
        "train", "people.csv", "--target", "bought", "--recipe", "found/best.toml", "--output", "again"
    )
    assert again.status == 0, again.err
    found, trained = goodfit.load("found/best"), goodfit.load("again")
    assert trained.recipe == found.recipe
    if not found.recipe.dropout:
        ours, theirs = found.history["valid_loss"], trained.history["valid_loss"]
        assert ours.tolist() == pytest.approx(theirs.tolist(), rel=1e-3)


def test_the_space_comes_from_a_file_and_the_folder_has_a_name(place):
    Path("space.toml").write_text('schedule = ["constant", "cosine"]\nhidden = [[4], [8]]\n')
    words = ("people.csv", "--target", "bought", "--space", "space.toml", "--epochs", "3", "--seeds", "1")
    ended = program("tune", *words, "--sampler", "grid", "--halving", "none", "--quiet")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert pl.read_csv("runs/tune-people-1/trials.csv")["state"].to_list() == ["finished"] * 4


def test_a_search_without_time_for_a_trial_leaves_nothing(place):
    words = ("tune", "people.csv", "--target", "bought", "--time-budget", "0.001")
    assert program(*words).status == 2
    assert not Path("runs").exists()
    assert program(*words, "--storage", "shared.db", "--study", "one").status == 2
    assert program(*words[:-2], *QUICK, "--storage", "shared.db", "--study", "one", "-q").status == 0


def test_a_choice_that_cannot_train_is_told_of_and_the_rest_is_kept(place):
    Path("space.toml").write_text('optimizer = ["adam", "adem"]')
    words = ("tune", "people.csv", "--target", "bought", *QUICK, "--space", "space.toml", "-o", "found")
    ended = program(*words)
    assert ended.status == 0, ended.err
    assert "There is no optimizer 'adem'" in ended.out
    assert pl.read_csv("found/trials.csv").filter(pl.col("state") == "failed").height
    assert program(*words, "--trials", "8", "--resume", "-q").status == 0


def test_a_search_in_a_storage_goes_on_where_its_folder_is_still_empty(place):
    words = ("tune", "people.csv", "--target", "bought", *QUICK, "--storage", "shared.db", "-q")
    assert program(*words, "--study", "one", "-o", "first").status == 0
    Path("killed").mkdir()
    again = program(*words, "--study", "one", "--trials", "8", "--resume", "-o", "killed")
    assert again.status == 0, again.err
    assert pl.read_csv("killed/trials.csv").height == 8


def test_it_speaks_spanish(place):
    ended = program("tune", "people.csv", "--target", "bought", *QUICK, "-o", "found", "--language", "es")
    assert "Se probaron 6 recetas" in ended.out


def test_a_folder_is_neither_overwritten_nor_resumed_by_mistake(place):
    words = (
        "tune",
        "people.csv",
        "--target",
        "bought",
        "--epochs",
        "3",
        "--seeds",
        "1",
        "--output",
        "found",
        "--quiet",
    )
    assert program(*words, "--trials", "4").status == 0
    assert "--resume" in program(*words).sentence
    assert program(*words, "--trials", "6", "--resume").status == 0
    assert pl.read_csv("found/trials.csv").height == 6
    assert program(*words, "--trials", "4", "--force").status == 0
    assert pl.read_csv("found/trials.csv").height == 4
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("of great value")
    other = [*words[:-3], "--output", "mine", "--quiet", "--trials", "4"]
    assert "not empty" in program(*other).sentence
    assert "not replaced" in program(*other, "--force").sentence
    assert "no search in mine" in program(*other, "--resume").sentence
    assert Path("mine/thesis.txt").read_text() == "of great value"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--target", "boght"), "boght"),
        ((), "--target"),
        (("--target", "bought", "--space", "no.toml"), "There is no file no.toml"),
        (("--target", "bought", "--time-budget", "0.001"), "before any recipe had trained"),
        (("--target", "bought", "--trials", "0"), "trials is 0"),
        (("--target", "bought", "--halving", "many"), "--halving is many"),
        (("--target", "bought", "--resume"), "no search in found"),
        (("--target", "bought", "--monitor", "valid_acuracy"), "valid_acuracy"),
        (("--target", "bought", "--storage", "postgres"), "neither an address"),
        (("--target", "bought", "--storage", "away/study.db"), "no folder away"),
        (("--target", "bought", "--storage", "sqlite:////nowhere/at/all/study.db"), "cannot be used"),
    ],
)
def test_bad_input_is_one_sentence(place, words, sentence):
    ended = program("tune", "people.csv", "--output", "found", *words)
    assert ended.status == 2
    assert sentence in ended.sentence
