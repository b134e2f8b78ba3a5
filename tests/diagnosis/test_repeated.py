from __future__ import annotations

from goodfit.diagnosis.repeated import over_repeats
from goodfit.evaluation.spread import spread_of
from goodfit.finding import Finding

SEEN = {"best_epoch": 4.0, "lowest": 0.5, "last": 0.52, "cost": 0.04}


def overfitting() -> Finding:
    return Finding("overfitting", "warning", 0.9, 5.0, SEEN)


def test_what_few_seeds_have_is_no_warning():
    (found,) = over_repeats([[overfitting()], [], [], []])
    assert found.severity == "info"
    assert "Seen with 1 of 4 seeds only" in found.explanation()
    assert "solo con 1 de 4 semillas" in found.explanation("es")
    assert Finding.from_dict(found.to_dict()) == found


def test_what_all_seeds_have_stays_a_warning_and_what_most_have_is_added():
    other = Finding("not-converged", "warning", 0.8, evidence={})
    found = over_repeats([[overfitting()], [overfitting(), other], [overfitting(), other]])
    assert [finding.code for finding in found] == ["overfitting", "not-converged"]
    assert {finding.severity for finding in found} == {"warning"}
    assert found[0].remarks[0].text() == "Seen with all 3 seeds."
    assert found[1].remarks[0].text() == "Not seen with the seed of this model, but with 2 of 3 seeds."


def test_a_rise_smaller_than_between_two_seeds_is_noise():
    three = [[overfitting()]] * 3
    (noisy,) = over_repeats(three, spread_of([0.5, 0.55, 0.45]))
    (real,) = over_repeats(three, spread_of([0.5, 0.5001, 0.4999]))
    assert (noisy.severity, real.severity) == ("info", "warning")
    assert "that is noise" in noisy.explanation()
