from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

import goodfit
from goodfit.cli.telling import WIDTH, tell_findings, tell_note, tell_run
from goodfit.finding import Finding, Remedy
from goodfit.messages import LANGUAGES, Message
from goodfit.observations import EndedBy
from spine_for_tests import classes_run, numbers_run, people


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("make", [classes_run, numbers_run])
def test_every_line_fits_and_says_something(make, language):
    for width in (WIDTH, 60):
        text = tell_run(make(), language, width)
        prose = [line for line in text.splitlines() if "  " not in line.strip()]
        assert max(map(len, prose)) <= width
        assert "{" not in text
        assert text == text.rstrip()
        assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_nothing_is_said_twice():
    text = tell_run(classes_run())
    lines = [line.strip() for line in text.splitlines() if len(line.strip()) > 30]
    assert len(set(lines)) == len(lines)
    assert text.count("rows for training") == 1


def test_a_training_of_few_epochs_is_said_to_be_too_short_to_judge():
    short = [Message("findings.missing.epochs", {"count": 3, "needed": 4})]
    for findings in ([], [Finding("network-too-large", "info", 0.5)]):
        assert "3 validation losses are too few to judge" in tell_findings(findings, short)[-1]
    run = goodfit.train(people(), target="bought", hidden=(4,), epochs=1)
    assert "1 validation loss is too few to judge" in " ".join(tell_run(run).split())


def test_findings_come_with_what_to_do_a_line_each():
    evidence = {"best_epoch": 4, "lowest": 0.5, "last": 0.75, "cost": 0.5}
    remedies = (Remedy("dropout"), Remedy("more-data"))
    finding = Finding("overfitting", "warning", 0.9, evidence=evidence, remedies=remedies)
    lines = tell_findings([finding], [])
    assert lines[0] == "FINDINGS"
    assert lines[1] == "  warning: The network overfits [overfitting]"
    assert [line for line in lines if line.startswith("      - ")] == [
        f"      - {title}" for title in finding.remedy_titles()
    ]
    assert tell_findings([], []) == ["FINDINGS", "  nothing to report"]
    assert tell_findings([], [], "es")[0] == "HALLAZGOS"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("ended", EndedBy.__args__)
def test_every_end_of_a_training_has_its_words(ended, language):
    run = classes_run()
    history = replace(run.history, ended_by=ended)
    for patience in (1, 20):
        recipe = run.recipe.replace(patience=patience)
        text = tell_run(replace(run, history=history, recipe=recipe), language)
        assert "terminal." not in text
    assert "1 epochs" not in text


def test_many_columns_are_named_in_part():
    frame = people()
    many = frame.with_columns(
        *(
            pl.col("income").mul(number + 2).alias(f"a long name of a column, number {number}")
            for number in range(12)
        ),
        *(pl.lit("same").alias(f"same{number}") for number in range(12)),
    )
    run = goodfit.train(many, target="bought", epochs=1, hidden=(4,))
    text = " ".join(tell_run(run).split())
    assert "14 numbers: age, income, " in text
    assert " and 6 more" in text
    assert "same3: always same" in text
    assert "and 5 more columns" in text


def test_long_values_in_notes_are_cut_short():
    values = ["x" * 200, "one\nline", *"abcdefg"]
    note = Message("prepare.never-seen", {"count": 9, "column": "c", "distinct": 9, "values": values})
    text = tell_note(note)
    assert len(text) < 200
    assert "one line" in text
    assert text.count("…") == 2


def test_a_network_of_ones_own_is_told_of_too():
    import numpy as np
    from torch import nn

    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    run = goodfit.train((x, x[:, :1]), model=nn.Linear(2, 1), loss="mse", epochs=1)
    text = tell_run(run)
    assert "TRAINING" in text
    assert "function Linear" in text or "Linear" in text
