from __future__ import annotations

import json
from pathlib import Path

import pytest

from spine_for_tests import people, program


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    people(200, seed=1).write_csv(tmp_path / "people.csv")
    people(200, seed=2).write_csv(tmp_path / "later.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_is_told_in_the_terminal():
    ended = program("profile", "people.csv", "--target", "bought", "--against", "later.csv")
    assert ended.status == 0
    assert ended.out.startswith("people.csv: 200 rows")
    for heading in ("TARGET", "WORTH A LOOK", "COLUMNS", "MISSING TOGETHER", "COMPARED WITH LATER.CSV"):
        assert heading in ended.out
    assert "MERECE UNA MIRADA" in program("profile", "people.csv", "--language", "es").out


def test_json_by_format_and_by_suffix(place):
    printed = program("profile", "people.csv", "--target", "bought", "--format", "json")
    assert json.loads(printed.out)["task"] == "binary"
    written = program("profile", "people.csv", "--target", "bought", "--output", "people.json")
    assert written.out == "people.json\n"
    assert json.loads((place / "people.json").read_text("utf-8")) == json.loads(printed.out)


def test_a_page(place):
    assert program("profile", "people.csv", "-o", "people.html").status == 0
    assert (place / "people.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_nothing_is_overwritten_unless_told(place):
    (place / "mine.html").write_text("mine")
    refused = program("profile", "people.csv", "-o", "mine.html")
    assert refused.status == 2
    assert (place / "mine.html").read_text() == "mine"
    assert program("profile", "people.csv", "-o", "mine.html", "--force").status == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        (["people.csv", "--target", "bougt"], "'bought'"),
        (["people.csv", "--format", "xml"], "text, json, html"),
        (["people.csv", "--against", "nowhere.csv"], "nowhere.csv"),
        (["people.csv", "--column", "age"], "age=number"),
    ],
)
def test_wrong_input_is_one_sentence_and_status_2(arguments, words):
    ended = program("profile", *arguments)
    assert ended.status == 2
    assert words in ended.err
    assert ended.err.count("\n") == 1
