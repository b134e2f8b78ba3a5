from __future__ import annotations

import json

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
