"""Findings from the vitals, each where its fault is and costs something, and none where it costs nothing."""

from __future__ import annotations

import math

import pytest
from tests.diagnosis.curves_for_tests import codes
from tests.diagnosis.observations_for_tests import layers, learning, linear, stuck

from goodfit.diagnosis.diagnose import diagnose, missing_evidence
from goodfit.messages import LANGUAGES
from goodfit.probes import ParameterFacts, StartProbe


def first(observations):
    finding = diagnose(observations)[0]
    for language in LANGUAGES:
        assert not finding.explanation(language).startswith("findings.")  # its name, where values lack
        assert finding.remedy_titles(language)
    return finding


def test_gradients_that_shrink_a_millionfold_vanish_where_nothing_is_learned():
    vitals = layers(linear(gradient_norm=1e-8), linear(gradient_norm=1e-4), linear(), linear())
    finding = first(stuck(vitals=vitals))
    assert (finding.code, finding.severity) == ("vanishing-gradients", "error")
    assert finding.evidence["layer"] == "0"
    assert "not-learning" in finding.symptoms
    assert "vanishing-gradients" not in codes(learning(vitals=vitals), "warning")


def test_gradients_of_one_size_do_not_vanish_however_small_they_are():
    vitals = layers(*[linear(gradient_norm=1e-12)] * 4)
    assert "vanishing-gradients" not in codes(stuck(vitals=vitals))


def test_gradients_that_grow_on_their_way_back_explode():
    vitals = layers(linear(gradient_norm=[1e9, 1, 1, 1]), linear(), linear())
    assert first(stuck(vitals=vitals)).code == "exploding-gradients"
    endless = layers(linear(gradient_norm=[math.inf, 1, 1, 1]), linear(), linear())
    assert first(stuck(vitals=endless)).code == "exploding-gradients"


def test_a_layer_dead_from_the_start_explains_what_follows_from_it():
    vitals = layers(linear(gradient_norm=0.0), {"dead": 1.0, "spread": 0.0}, linear())
    finding = first(stuck(vitals=vitals))
    assert (finding.code, finding.severity, finding.epoch) == ("dead-units", "error", 0)
    assert finding.causes[0].code == "bad-initialization"


def test_dead_units_that_cost_nothing_are_information():
    vitals = layers(linear(), {"dead": [0.0, 0.3, 0.6, 0.95], "spread": 0.3}, linear())
    assert codes(learning(vitals=vitals), "warning") == []
    assert "dead-units" in codes(learning(vitals=vitals))


def test_units_that_died_in_the_first_steps_point_to_the_learning_rate():
    vitals = layers(
        linear(weight_norm=[3.0, 300.0, 300.0, 300.0], update_norm=[math.nan, 150.0, 0, 0]),
        {"dead": [0.0, 1.0, 1.0, 1.0], "spread": 0.0},
        linear(weight_norm=[3.0, 300.0, 300.0, 300.0], update_norm=[math.nan, 150.0, 0, 0]),
    )
    finding = first(stuck(vitals=vitals))
    assert finding.code == "learning-rate-too-high"
    assert "dead-units" in finding.symptoms


def test_units_pinned_at_their_bounds_from_the_start_are_saturated():
    pinned = {"saturated": 0.9, "spread": 0.9}
    assert "saturated-units" in codes(stuck(vitals=layers(linear(), pinned, linear())), "warning")
    # An output that is meant to be 0 or 1 reaches them.
    assert codes(learning(vitals=layers(linear(), linear(), pinned)), "warning") == []


def test_units_that_stay_alike_begin_badly():
    alike = layers(linear(alike=1.0), {"spread": 0.5}, linear())
    finding = first(stuck(vitals=alike))
    assert (finding.code, finding.variant) == ("bad-initialization", "symmetric")
    parted = layers(linear(alike=[1.0, 0.0, 0.0, 0.0]), {"spread": 0.5}, linear())
    assert codes(learning(vitals=parted), "warning") == []


@pytest.mark.parametrize(("gain", "variant"), [(8.0, "growing"), (0.01, "shrinking")])
def test_weights_that_change_the_size_of_the_signal_begin_badly(gain, variant):
    rows = [linear(spread=gain**depth) for depth in range(6)]
    finding = first(stuck(vitals=layers(*rows)))
    assert (finding.code, finding.variant) == ("bad-initialization", variant)
    assert codes(learning(vitals=layers(*rows)), "warning") == []


def test_a_first_loss_far_from_the_prior_is_a_bad_start_where_it_was_never_made_up_for():
    vitals = layers(linear(), linear())
    assert first(stuck(vitals=vitals, start=StartProbe(50.0))).variant == "far"
    assert codes(learning(vitals=vitals, start=StartProbe(50.0)), "warning") == []


def test_trainable_parameters_outside_the_optimizer_are_frozen():
    parameters = (
        ParameterFacts("0.weight", 900, True, False, True),
        ParameterFacts("1.weight", 100, True, True, True),
    )
    finding = first(learning(parameters=parameters))
    assert (finding.code, finding.severity, finding.evidence["share"]) == (
        "frozen-parameters",
        "warning",
        0.9,
    )


def test_parameters_frozen_on_purpose_are_no_finding():
    parameters = (
        ParameterFacts("0.weight", 900, False, False, False),
        ParameterFacts("1.weight", 100, True, True, True),
    )
    assert "frozen-parameters" not in codes(learning(parameters=parameters))


def test_layers_that_rows_pass_without_a_gradient_coming_back_are_detached():
    parameters = (
        ParameterFacts("0.weight", 900, True, True, False),
        ParameterFacts("1.weight", 100, True, True, True),
    )
    passed = layers(linear(mean=0.1, gradient_norm=0.0), linear(mean=0.1))
    assert first(learning(parameters=parameters, vitals=passed)).variant == "detached"
    unused = layers(linear(mean=0.1))
    found = diagnose(learning(parameters=parameters[:1] + parameters[1:], vitals=unused))
    assert ("frozen-parameters", "detached") in [(finding.code, finding.variant) for finding in found]


def test_gradients_that_are_still_there_accumulate():
    finding = first(learning(vitals=layers(linear(kept=1.0), linear(kept=1.0))))
    assert (finding.code, finding.severity) == ("gradients-accumulate", "error")
    assert "gradients-accumulate" not in codes(learning(vitals=layers(linear(kept=0.0), linear(kept=0.0))))


def test_without_vitals_it_says_what_is_missing():
    assert "findings.missing.vitals" in [message.code for message in missing_evidence(stuck())]
    assert "findings.missing.vitals" not in [
        message.code for message in missing_evidence(stuck(vitals=layers(linear())))
    ]
