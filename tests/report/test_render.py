from __future__ import annotations

import dataclasses
import re
from functools import cache

import numpy as np
import polars as pl
import pytest
from html_for_tests import check
from hypothesis import given, settings
from hypothesis import strategies as st
from runs_for_tests import (
    broken_run,
    classes_frame,
    history,
    numbers_frame,
    own_network_run,
    table_run,
    wide_frame,
)

from goodfit.messages import LANGUAGES, Message
from goodfit.report.parts import ReportParts
from goodfit.report.render import render_report

NASTY = "<script>alert('1')</script> <b>&\"'{{ 7 * 7 }}"


@cache
def run(kind: str) -> ReportParts:
    match kind:
        case "binary":
            return table_run(classes_frame(2, rows=300), "kind")
        case "multiclass":
            return table_run(classes_frame(20, rows=800), "kind")
        case "regression":
            return table_run(numbers_frame(rows=300), "price")
        case "several targets":
            return table_run(numbers_frame(rows=300, targets=2), ["price 0", "price 1"])
        case "wide":
            frame = wide_frame()
            return table_run(frame, frame.columns[-1], skill=0.0)
        case "broken":
            return broken_run()
        case "own network":
            return own_network_run()
        case _:
            return ReportParts(name="nothing")


KINDS = ["binary", "multiclass", "regression", "several targets", "wide", "broken", "own network", "nothing"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_gives_a_complete_page(kind, language):
    page = check(render_report(run(kind), language))
    assert page.tags[0] == ("html", {"lang": language})


def test_sections_without_their_parts_are_left_out():
    page = check(render_report(run("nothing")))
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections == ["verdict"]
    own = check(render_report(run("own network")))
    shown = [attributes["id"] for tag, attributes in own.tags if tag == "section"]
    assert shown == ["verdict", "training", "diagnosis", "recipe", "predict"]


def test_the_page_tells_what_the_run_knows():
    parts = run("binary")
    words = check(render_report(parts)).words
    assert parts.profile is not None
    assert parts.split is not None
    assert parts.evaluation is not None
    for text in (
        parts.split.rule.text().replace(" %", "\u00a0%"),
        "hidden",
        "[32, 32]",
        parts.predict_command,
        "2.13.0",
        parts.evaluation.verdict_message.text().replace(" %", "\u00a0%"),
        *(column.name for column in parts.profile.columns),
        *(finding.title() for finding in parts.findings),
    ):
        assert text in words


def test_the_close_look_at_the_table_is_a_part_of_the_page():
    parts = run("binary")
    assert parts.analysis is not None
    remarks = (Message("profile.remark.mostly-missing", {"column": "x", "percent": "60"}),)
    analysis = dataclasses.replace(parts.analysis, remarks=remarks)
    page = check(render_report(dataclasses.replace(parts, analysis=analysis)))
    assert "Worth a look" in page.words
    assert page.ids.count("profile-columns") == 1
    assert page.ids.count("profile-remarks") == 0
    assert remarks[0].text() in page.words
    plain = check(render_report(dataclasses.replace(parts, analysis=None)))
    assert "Worth a look" not in plain.words


def test_spanish_pages_are_spanish_throughout():
    page = check(render_report(run("binary"), "es"))
    english = {"the", "and", "with", "training", "rows", "network", "which"}
    assert not english & set(re.findall(r"[a-z]+", re.sub(r"<pre.*?</pre>", "", page.words)))


def test_an_unknown_language_is_an_error_that_names_those_there_are():
    with pytest.raises(ValueError, match="'fr'; it must be one of en, es"):
        render_report(run("nothing"), "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_from_the_data_are_never_markup(language):
    rows = 200
    random = np.random.default_rng(0)
    label = random.integers(0, 2, rows)
    frame = pl.DataFrame(
        {
            NASTY + " number": random.normal(size=rows) + label,
            NASTY + " text": random.choice([NASTY, "other"], rows),
            "$x^{" + NASTY: [NASTY + ("a" if value else "b") for value in label],
        }
    )
    parts = table_run(frame, frame.columns[-1], name=NASTY)
    parts = dataclasses.replace(
        parts,
        network=[NASTY],
        environment={NASTY: NASTY},
        predict_python=NASTY,
        predict_command=NASTY,
        created=NASTY,
        preparation=[
            (frame.columns[0], "number", Message("report.fact.columns-used", {"used": NASTY, "dropped": 1}))
        ],
    )
    page = check(render_report(parts, language))
    assert NASTY in page.words


@settings(max_examples=25)
@given(st.text(), st.text())
def test_any_text_gives_a_page_that_can_be_written(name, line):
    text = render_report(ReportParts(name=name, network=[line], environment={name: line}, created=line))
    check(text)
    text.encode("utf-8")


def test_long_lists_are_folded_away_but_complete():
    text = render_report(dataclasses.replace(run("wide"), analysis=None))
    page = check(text)
    before, _, folded = text.partition("Show 288 more columns")
    assert "sensor_11" in before
    assert "sensor_299" not in before
    assert "sensor_299" in folded
    assert len([tag for tag, attributes in page.tags if attributes.get("role") == "rowheader"]) == 300


def test_a_history_without_epochs_says_so():
    empty = dataclasses.replace(
        run("own network"), history=dataclasses.replace(history(), columns={}, best_epoch=None)
    )
    assert "No epoch was completed." in check(render_report(empty)).words


def test_the_same_run_gives_the_same_page():
    assert render_report(run("binary")) == render_report(run("binary"))
