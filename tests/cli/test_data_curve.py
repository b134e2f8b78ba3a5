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
