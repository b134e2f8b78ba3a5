from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from spine_for_tests import TINY, people_file, program

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
from html_for_tests import check


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("explain")
    file = people_file(place)
    ended = program("train", file, "--target", "bought", "--output", place / "run", "--quiet", *TINY)
    assert ended.status == 0, ended.err
    return place / "run"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return people_file(tmp_path, rows=12, seed=3)


def test_rows_are_explained_in_words(run, new):
    ended = program("explain", run, new, "--rows", "0,4")
    assert ended.status == 0, ended.err
    assert "Row 0: " in ended.out
    assert "Row 4: " in ended.out
    assert "Row 1: " not in ended.out
    assert "A typical row: " in ended.out
    assert program("explain", run, new).out.count("\nRow ") == 4


def test_json_and_a_page_are_complete(run, new, tmp_path):
    ended = program("explain", run, new, "--rows", "2", "--format", "json")
    (row,) = json.loads(ended.out)["rows"]
    assert row["row"] == 2
    assert {item["column"] for item in row["attributions"]} == {"age", "income", "city", "member", "joined"}
    page = tmp_path / "why.html"
    assert program("explain", run, new, "-o", page, "--language", "es").status == 0
    assert "la red predice" in check(page.read_text()).words
    assert program("explain", run, new, "-o", page).status == 2


def test_wrong_input_is_one_sentence(run, new, tmp_path):
    assert "has no row 12" in program("explain", run, new, "--rows", "12").sentence
    assert "--format of explain is xml" in program("explain", run, new, "--format", "xml").sentence
    assert "There is no run folder" in program("explain", tmp_path / "none", new).sentence
    assert "There is no target 'agee'" in program("explain", run, new, "-t", "agee").sentence
    for wrong in ("two", "1,,3", "3-", "-1", "1.5", "4-2", "7-9999999999999"):
        assert "which names no rows" in program("explain", run, new, f"--rows={wrong}").sentence
