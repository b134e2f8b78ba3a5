from __future__ import annotations

from pathlib import Path

import pytest

from spine_for_tests import classes_run, program


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    classes_run().save("run")
    return tmp_path


def test_the_report_is_written_anew_in_another_language():
    before = Path("run/report.html").read_text("utf-8")
    ended = program("report", "run", "--language", "es")
    assert (ended.status, ended.out, ended.err) == (0, "run/report.html\n", "")
    after = Path("run/report.html").read_text("utf-8")
    assert '<html lang="en"' in before
    assert '<html lang="es"' in after


def test_elsewhere_nothing_is_written_over():
    ended = program("report", "run", "-o", "mine.html")
    assert ended.out == "mine.html\n"
    Path("mine.html").write_text("precious")
    assert program("report", "run", "-o", "mine.html").sentence.startswith(
        "mine.html exists; choose another file"
    )
    assert Path("mine.html").read_text() == "precious"
    assert program("report", "run", "-o", "mine.html", "--force").status == 0
    assert "<svg" in Path("mine.html").read_text("utf-8")
    assert program("report", "run", "-o", "run").sentence == "run is a folder; give the name of a file."


def test_what_is_no_run_is_named():
    assert program("report", "gone").sentence == "There is no run folder gone; check the path."
