from __future__ import annotations

from pathlib import Path

import goodfit
from spine_for_tests import program


def test_the_demo_trains_on_the_penguins_and_writes_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = program("demo")
    assert (ended.status, ended.err) == (0, "")
    assert "penguins: " in ended.out
    assert "rows have no target and are left out." in ended.out
    run = goodfit.load("runs/penguins-1")
    assert run.evaluation.metrics["accuracy"].value > 0.75
    assert "<svg" in Path("runs/penguins-1/report.html").read_text("utf-8")
    before = Path("runs/penguins-1/model.safetensors").read_bytes()
    assert program("demo", "-q", "--output", "runs/penguins-1").sentence.startswith(
        "runs/penguins-1 is not empty"
    )
    again = program("demo", "-q", "--force", "--output", "runs/penguins-1", "--language", "es")
    assert (again.status, again.out, again.err) == (0, "", "")
    assert Path("runs/penguins-1/model.safetensors").read_bytes() == before
