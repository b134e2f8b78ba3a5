from __future__ import annotations

import json
import string
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.diagnosis.curves_for_tests import codes, converged, falling, noisy, observe, overfitted, time

from goodfit.diagnosis.diagnose import diagnose, missing_evidence
from goodfit.finding import SEVERITIES, Finding
from goodfit.messages import LANGUAGES, catalogue
from goodfit.observations import History, Observations
from goodfit.recipe import Recipe

CURVES = {"converged": converged, "falling": falling, "overfitted": overfitted}
RECIPE = Recipe(epochs=60, hidden=(64, 32), learning_rate=0.01)


@pytest.mark.parametrize("share", [0, 0.005, 0.01])
@pytest.mark.parametrize(
    ("kind", "expected"), [("converged", []), ("falling", ["not-converged"]), ("overfitted", ["overfitting"])]
)
def test_the_known_kinds_of_curve_are_told_apart(kind, expected, share):
    for seed in range(4):
        train, valid = CURVES[kind]()
        observations = observe(
            train_loss=noisy(train, share, seed), valid_loss=noisy(valid, share, seed + 50)
        )
        assert set(expected) <= set(codes(observations))
        assert set(codes(observations, "warning")) <= set(expected)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(CURVES)), st.floats(1e-3, 1e3), st.integers(0, 3))
def test_the_unit_of_the_loss_changes_nothing(kind, factor, seed):
    train, valid = (noisy(values, 0.01, seed) for values in CURVES[kind]())
    one = diagnose(observe(train_loss=train, valid_loss=valid))
    other = diagnose(observe(train_loss=factor * train, valid_loss=factor * valid))
    assert [(f.code, f.severity, f.epoch) for f in one] == [(f.code, f.severity, f.epoch) for f in other]
    assert [f.confidence for f in one] == pytest.approx([f.confidence for f in other], abs=1e-6)


@pytest.mark.parametrize("kind", sorted(CURVES))
def test_measuring_every_third_epoch_leads_to_the_same_finding(kind):
    train, valid = (noisy(values, 0.005) for values in CURVES[kind](120))
    sparse = np.where(np.arange(120) % 3 == 2, valid, np.nan)
    all_rows = codes(observe(train_loss=train, valid_loss=valid), "warning")
    assert codes(observe(train_loss=train, valid_loss=sparse), "warning") == all_rows


def test_findings_are_sorted_by_severity_then_confidence():
    train, valid = overfitted()
    found = diagnose(observe({"prior_loss": 0.5, "linear_loss": 0.3}, train_loss=train, valid_loss=valid))
    keys = [(-SEVERITIES.index(f.severity), -f.confidence) for f in found]
    assert keys == sorted(keys)


def test_what_another_finding_explains_is_its_symptom():
    t = time(40)
    train = np.where(t < 15, 1 / t, 0.05 * 1.3 ** (t - 10))
    found = diagnose(observe(train_loss=train, valid_loss=train * 1.1))
    assert found[0].code == "diverging"
    assert not {"overfitting", "not-converged"} & {f.code for f in found}


def test_information_does_not_hide_a_warning(monkeypatch):
    found = [Finding("oscillating", "info", 0.9), Finding("overfitting", "warning", 0.8)]
    family = SimpleNamespace(
        find=lambda observations: found,
        EXPLAINS={"oscillating": ("overfitting",), "overfitting": ("oscillating",)},
    )
    monkeypatch.setattr("goodfit.diagnosis.diagnose._families", lambda: (family,))
    told = diagnose(Observations(History({})))
    assert [(finding.code, finding.symptoms) for finding in told] == [("overfitting", ("oscillating",))]


def test_what_two_checks_find_is_told_once(monkeypatch):
    families = [
        SimpleNamespace(
            find=lambda observations, weight=weight: [Finding("dead-units", *weight)], EXPLAINS={}
        )
        for weight in (("info", 0.9), ("warning", 0.5), ("warning", 0.7))
    ]
    monkeypatch.setattr("goodfit.diagnosis.diagnose._families", lambda: families)
    assert diagnose(Observations(History({}))) == [Finding("dead-units", "warning", 0.7)]


SHAPES = st.lists(
    st.one_of(st.floats(1e-6, 1e6), st.just(float("nan")), st.just(float("inf")), st.floats(-10, 10)),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(SHAPES, SHAPES, st.sampled_from([None, "patience", "interrupted", "time-budget", "non-finite-loss"]))
def test_no_curve_breaks_it_and_every_finding_can_be_said_and_stored(train, valid, ended_by):
    length = min(len(train), len(valid))
    facts = {"ended_by": ended_by, "classes": 3, "prior_loss": 1.1, "linear_loss": 0.8, "recipe": RECIPE}
    observations = observe(facts, train_loss=train[:length], valid_loss=valid[:length])
    for finding in diagnose(observations):
        for language in LANGUAGES:
            text = json.dumps(finding.to_dict(language), allow_nan=False)
            assert Finding.from_dict(json.loads(text)).to_dict(language) == json.loads(text)
        assert 0 <= finding.confidence <= 1
        assert finding.severity in SEVERITIES
        for remedy in finding.remedies:
            RECIPE.replace(**remedy.recipe)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_almost_nothing_gives_no_finding_but_says_what_is_missing(rows):
    observations = observe(train_loss=np.ones(rows), valid_loss=np.ones(rows))
    assert diagnose(observations) == []
    for language in LANGUAGES:
        assert all(message.text(language) for message in missing_evidence(observations))
    assert missing_evidence(observations)


def test_an_empty_history_is_no_trouble():
    assert diagnose(Observations(History({}))) == []


def test_both_languages_have_the_same_findings_and_placeholders():
    english, spanish = (
        {k: v for k, v in catalogue(language).items() if k.startswith("findings.")} for language in LANGUAGES
    )
    assert english.keys() == spanish.keys()
    for key, sentence in english.items():
        assert fields(sentence) == fields(spanish[key]), key


def fields(sentence):
    return {(name, form) for _, name, form, _ in string.Formatter().parse(sentence) if name}


def test_findings_that_explain_each_other_in_a_circle_do_not_all_vanish(monkeypatch):
    found = [Finding(code, "error", sure) for code, sure in (("a", 0.7), ("b", 0.9), ("c", 0.8))]
    family = SimpleNamespace(
        find=lambda observations: found, EXPLAINS={"a": ("b",), "b": ("c",), "c": ("a",)}
    )
    monkeypatch.setattr("goodfit.diagnosis.diagnose._families", lambda: (family,))
    assert [finding.code for finding in diagnose(Observations(History({})))] == ["b"]


def test_the_cause_of_an_error_is_an_error(monkeypatch):
    found = [Finding("not-learning", "error", 0.9), Finding("unscaled-inputs", "warning", 0.7)]
    family = SimpleNamespace(find=lambda observations: found, EXPLAINS={"unscaled-inputs": ("not-learning",)})
    monkeypatch.setattr("goodfit.diagnosis.diagnose._families", lambda: (family,))
    told = diagnose(Observations(History({})))
    assert [(finding.code, finding.severity) for finding in told] == [("unscaled-inputs", "error")]
