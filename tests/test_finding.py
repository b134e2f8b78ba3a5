from __future__ import annotations

import json

import pytest

from goodfit.finding import SEVERITIES, Cause, Finding, Remedy
from goodfit.messages import LANGUAGES

OVERFITTING = Finding(
    "overfitting",
    "warning",
    0.875,
    epoch=4.0,
    evidence={"best_epoch": 4, "lowest": 0.5, "last": 0.75, "cost": 0.5},
    causes=(Cause("network-too-large", 0.5),),
    symptoms=("noisy-validation",),
    remedies=(Remedy("weight-decay", {"weight_decay": 0.01}), Remedy("more-data")),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_finding_says_what_it_is_and_what_to_do(language):
    title = {"en": "The network overfits", "es": "La red sobreajusta"}[language]
    assert OVERFITTING.title(language) == title
    assert "0.75" in OVERFITTING.explanation(language)
    assert len(OVERFITTING.remedy_titles(language)) == 2


def test_a_variant_words_the_explanation_otherwise():
    plain = OVERFITTING.explanation()
    other = Finding("overfitting", "info", 0.9, evidence=OVERFITTING.evidence, variant="restored")
    assert other.explanation() != plain
    assert other.title() == OVERFITTING.title()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_finding_comes_back_from_json(language):
    data = json.loads(json.dumps(OVERFITTING.to_dict(language)))
    assert set(data) >= {
        "code",
        "severity",
        "confidence",
        "epoch",
        "title",
        "explanation",
        "evidence",
        "causes",
        "symptoms",
        "remedies",
    }
    assert Finding.from_dict(data) == OVERFITTING


def test_a_finding_of_another_version_is_shown_bare():
    data = {**OVERFITTING.to_dict(), "code": "of-another-version"}
    finding = Finding.from_dict(data)
    assert finding.title("es") == "of-another-version"
    assert finding.explanation().startswith("of-another-version (best_epoch 4, ")
    assert finding.remedy_titles() == OVERFITTING.remedy_titles()
    assert Finding.from_dict(finding.to_dict()) == finding


@pytest.mark.parametrize("code", ["class-imbalance", "class-collapse"])
def test_a_class_that_had_only_a_number_when_it_was_saved_is_called_by_it(code):
    evidence = {"share": 0.01, "class_number": 3, "recalled": 0.0, "judged": 2, "actual": 0.2}
    new = Finding(code, "warning", 0.9, evidence={**evidence, "class_name": "3"})
    old = Finding.from_dict({**new.to_dict(), "evidence": evidence})
    assert "lass 3" in old.explanation()
    assert "lase 3" in old.explanation("es")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_finding_whose_words_have_changed_since_it_was_saved_is_shown_bare(language):
    old = Finding("overfitting", "info", 0.9, evidence={"best": 4}, remedies=(Remedy("of-before"),))
    assert old.explanation(language) == "findings.overfitting.explanation (epoch None, best 4)"
    assert old.remedy_titles(language) == ["of-before"]
    assert Finding.from_dict(old.to_dict(language)) == old


@pytest.mark.parametrize(
    ("confidence", "english", "spanish"),
    [
        (0.9, "The network overfits", "La red sobreajusta"),
        (0.6, "Probably: the network overfits", "Probablemente: la red sobreajusta"),
        (0.3, "Possibly: the network overfits", "Posiblemente: la red sobreajusta"),
    ],
)
def test_a_finding_is_said_as_surely_as_it_is_known(confidence, english, spanish):
    finding = Finding("overfitting", "info", confidence)
    assert (finding.statement(), finding.statement("es")) == (english, spanish)


def test_the_severities_go_from_bad_to_worse():
    assert SEVERITIES == ("info", "warning", "error")


def test_repr_is_short():
    assert repr(OVERFITTING) == "<Finding overfitting: warning, confidence 0.88, epoch 4>"
    assert repr(Finding("diverging", "error", 1.0)) == "<Finding diverging: error, confidence 1.00>"
