from __future__ import annotations

import json
from pathlib import Path

import goodfit
from spine_for_tests import people_file, program


def test_what_more_rows_would_bring_is_told_as_text_json_and_a_page(tmp_path):
    people_file(tmp_path)
    given = ("data-curve", tmp_path / "people.csv", "--target", "bought", "--model", "mlp", "--hidden", "8")
    few = (*given, "--epochs", "2", "--seeds", "2")
    said = program(*few, "--language", "es")
    assert (said.status, said.err) == (0, "")
    assert "filas de prueba" in said.out
    told = json.loads(program(*few, "--format", "json").out)
    assert len(told["sizes"][0]["errors"]) == 2
    page = tmp_path / "page.html"
    assert program(*few, "-o", page).status == 0
    assert "<svg" in page.read_text("utf-8")
    assert "page.html" in program(*few, "-o", page).sentence
    assert "number of seeds is 0" in program(*given, "--seeds", "0").sentence
    assert "--format" in program(*few, "--format", "pdf").sentence


def test_rows_are_divided_as_a_training_divides_them(tmp_path):
    table = people_file(tmp_path)
    given = ("data-curve", table, "--target", "bought", "--model", "mlp", "--epochs", "2", "--seeds", "2")
    other = people_file(tmp_path, rows=40, seed=1, name="other.csv")
    told = json.loads(program(*given, "--valid", other, "--format", "json").out)
    assert told["sizes"][-1]["rows"] == 84  # 60 without --valid
    assert "no column 'shop'" in program(*given, "--group-column", "shop").sentence
    assert "no column 'day'" in program(*given, "--time-column", "day").sentence
    assert "regression" in program(*given, "--task", "regresion").sentence


def test_a_run_is_continued_with_its_own_rows_and_its_report_tells_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people_file(tmp_path)
    few = ("--model", "mlp", "--hidden", "64,64", "--epochs", "100", "--patience", "none")
    also = ("--learning-rate", "0.01", "--column", "income=text", "--output", "run")
    trained = program("train", "people.csv", "--target", "bought", *few, *also)
    run = Path("run")
    assert "goodfit data-curve run" in trained.out
    assert "goodfit data-curve run" in (run / "report.html").read_text("utf-8")
    told = json.loads(program("data-curve", run, "--seeds", "2", "--format", "json").out)
    kept = goodfit.load(run)
    assert kept.data_curve is not None
    assert kept.data_curve.to_dict() == told
    assert told["sizes"][-1]["rows"] == len(kept.table.split.train)
    page = (run / "report.html").read_text("utf-8")
    assert "What more rows would bring" in page
    assert "goodfit data-curve" not in page
    assert program("data-curve", run, "--seeds", "2", "--epochs", "2", "--format", "json").status == 0
    assert goodfit.load(run).data_curve.to_dict() == told
    people_file(tmp_path, seed=1)
    assert "no longer the one" in program("data-curve", run).sentence


def test_rows_that_were_divided_by_hand_are_asked_for(tmp_path):
    table, other = people_file(tmp_path), people_file(tmp_path, rows=40, seed=1, name="other.csv")
    given = ("--model", "mlp", "--hidden", "4", "--epochs", "2", "--valid", other)
    run = tmp_path / "run"
    assert program("train", table, "--target", "bought", *given, "--output", run).status == 0
    assert "not divided as for" in program("data-curve", run).sentence
    assert program("data-curve", run, "--seeds", "2", "--valid", other).status == 0
