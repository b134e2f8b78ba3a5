"""Findings from data, outputs and modes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.diagnosis.curves_for_tests import codes
from tests.diagnosis.observations_for_tests import layers, learning, linear, stuck

from goodfit.diagnosis.diagnose import diagnose
from goodfit.messages import LANGUAGES
from goodfit.observations import History, Observations
from goodfit.probes import DataSummary, LabelProbe, ModeProbe, NonFiniteOrigin, OutputProbe, Shift
from goodfit.recipe import Recipe

DATA = DataSummary(
    rows=1000,
    features=10,
    scale_low=0.9,
    scale_typical=1.0,
    scale_high=1.1,
    class_counts=(500, 500),
    valid_class_counts=(150, 150),
    duplicated_valid=0.0,
    distinctive=True,
    chance_score=0.5,
    linear_score=0.8,
    shift=Shift(0.5, 0.45, "0"),
)
OUTPUTS = OutputProbe(
    rows=300,
    units=2,
    classes=2,
    loss="cross_entropy",
    last_layer="Linear",
    span=9.0,
    predicted=(0.5, 0.5),
    actual=(0.5, 0.5),
    recalled=(0.9, 0.9),
    score=0.9,
)
COLLAPSED = replace(OUTPUTS, predicted=(1.0, 0.0), recalled=(1.0, 0.0), score=0.5)
LABELS = LabelProbe(1000, 0.9, 0.9, 0.9, 0.5, error=0.1, floor=0.0, floor_low=0.0)


def first(observations):
    finding = diagnose(observations)[0]
    for language in LANGUAGES:
        assert not finding.explanation(language).startswith("findings.")  # its name, where values lack
        assert finding.remedy_titles(language)
    return finding


def test_sound_data_and_outputs_give_no_finding():
    sound = learning(data=DATA, outputs=OUTPUTS, labels=LABELS, modes=ModeProbe(0.3, 0.3))
    assert codes(sound, "warning") == []


@pytest.mark.parametrize(
    ("scales", "variant"), [((1.0, 1.0, 1e5), "apart"), ((2e5, 2e5, 2e5), "size"), ((1e-4,) * 3, "size")]
)
def test_inputs_of_the_wrong_size_explain_a_network_that_learns_nothing(scales, variant):
    low, middle, high = scales
    data = replace(DATA, scale_low=low, scale_typical=middle, scale_high=high)
    finding = first(stuck(data=data, outputs=COLLAPSED))
    assert (finding.code, finding.variant, finding.severity) == ("unscaled-inputs", variant, "error")


def test_large_inputs_that_a_normalisation_brings_down_are_information():
    data = replace(DATA, scale_low=2e5, scale_typical=2e5, scale_high=2e5)
    vitals = layers(linear(), {"kind": "BatchNorm1d"}, linear())
    assert codes(learning(data=data, outputs=OUTPUTS, vitals=vitals), "warning") == []


def test_a_feature_that_is_the_answer_leaks_it():
    data = replace(DATA, giveaway="3", giveaway_score=1.0, giveaway_exact=True, other_score=0.7)
    assert first(learning(data=data, outputs=OUTPUTS)).variant == "feature"
    easy = replace(data, giveaway_exact=False, other_score=0.99)
    assert "data-leakage" not in codes(learning(data=easy, outputs=OUTPUTS))


def test_rows_on_both_sides_of_the_split_leak():
    data = replace(DATA, duplicated_valid=0.3, duplicated_train=0.0)
    finding = first(learning(data=data, outputs=OUTPUTS))
    assert (finding.code, finding.severity) == ("data-leakage", "warning")
    assert finding.title() == "Validation rows are training rows, too"
    natural = replace(data, distinctive=False, duplicated_train=0.4)
    assert codes(learning(data=natural, outputs=OUTPUTS), "warning") == []


def test_a_leak_does_not_hide_that_the_validation_loss_rises():
    epoch = np.arange(1.0, 201.0)
    falling = 0.3 - 0.0005 * epoch
    curves = {"epoch": epoch, "train_loss": falling, "valid_loss": 0.32 + 0.002 * np.maximum(epoch - 20, 0)}
    copies = replace(DATA, duplicated_test=0.05, duplicated_train=0.0)
    found = diagnose(Observations(History(curves), data=copies))
    assert {finding.code for finding in found} >= {"data-leakage", "overfitting"}


def test_other_classes_in_validation_are_a_mismatch():
    data = replace(DATA, valid_class_counts=(280, 20))
    assert first(learning(data=data, outputs=OUTPUTS)).variant == "classes"
    few = replace(DATA, valid_class_counts=(13, 9))
    assert "split-mismatch" not in codes(learning(data=few, outputs=OUTPUTS))


def test_validation_rows_of_another_kind_are_a_mismatch_only_if_surely_so():
    far = replace(DATA, shift=Shift(0.97, 0.94, "2"))
    assert "split-mismatch" in codes(learning(data=far, outputs=OUTPUTS), "warning")
    unsure = replace(DATA, shift=Shift(0.7, 0.55, "2"))
    assert "split-mismatch" not in codes(learning(data=unsure, outputs=OUTPUTS))


def test_parts_that_were_divided_by_time_are_not_to_be_made_alike():
    for change in ({"shift": Shift(0.97, 0.94, "2")}, {"valid_class_counts": (280, 20)}):
        data = replace(DATA, **change)
        assert first(learning(data=data, outputs=OUTPUTS)).remedies[0].code == "parts-alike"
        later = replace(data, time_column="day")
        assert first(learning(data=later, outputs=OUTPUTS)).remedies[0].code == "latest-rows"


def test_a_rare_class_that_is_never_found_is_an_imbalance_and_stands_for_the_collapse():
    data = replace(DATA, class_counts=(990, 10), valid_class_counts=(297, 3), linear_score=0.99)
    outputs = replace(OUTPUTS, predicted=(1.0, 0.0), actual=(0.99, 0.01), recalled=(1.0, 0.0), score=0.99)
    recipe = Recipe()
    finding = first(learning(data=data, outputs=outputs, recipe=recipe))
    assert finding.code == "class-imbalance"
    assert finding.remedies[0].recipe == {"class_weight": "balanced"}
    found = replace(outputs, predicted=(0.99, 0.01), recalled=(1.0, 0.9))
    enough = replace(data, valid_class_counts=(990, 10))
    assert codes(learning(data=enough, outputs=found), "warning") == []


def test_one_predicted_class_is_a_collapse_where_a_linear_model_does_better():
    assert "class-collapse" in codes(stuck(data=DATA, outputs=COLLAPSED))
    hopeless = replace(DATA, linear_score=0.5)
    assert "class-collapse" not in codes(stuck(data=hopeless, outputs=COLLAPSED))


def test_predicting_a_class_too_often_is_a_collapse_where_any_simple_model_does_better():
    leaning = replace(OUTPUTS, predicted=(0.7, 0.3), recalled=(1.0, 0.6), score=0.8)
    nowhere = replace(DATA, linear_score=0.5)
    near, even = replace(LABELS, crossed_score=0.95), replace(LABELS, crossed_score=0.8)
    assert "class-collapse" in codes(learning(data=nowhere, outputs=leaning, labels=near), "warning")
    assert "class-collapse" not in codes(learning(data=nowhere, outputs=leaning, labels=even))


def test_training_labels_that_only_validation_labels_contradict_are_shuffled():
    labels = LabelProbe(1000, 0.5, 0.95, 0.5, 0.5, error=0.5, floor=0.5, floor_low=0.4)
    finding = first(stuck(data=replace(DATA, linear_score=0.5), outputs=COLLAPSED, labels=labels))
    assert (finding.code, finding.variant, finding.severity) == ("label-noise", "shuffled", "error")


def test_noise_that_is_as_frequent_among_the_surest_rows_is_label_noise_and_overlap_is_not():
    noisy = replace(
        LABELS,
        train_score=0.75,
        error=0.25,
        floor=0.24,
        floor_low=0.2,
        network_error=0.25,
        network_floor=0.24,
    )
    assert "label-noise" in codes(learning(data=DATA, outputs=OUTPUTS, labels=noisy), "warning")
    overlap = replace(noisy, network_floor=0.05)
    assert "label-noise" not in codes(learning(data=DATA, outputs=OUTPUTS, labels=overlap))
    hardly = replace(noisy, train_score=0.62, error=0.38, floor=0.37, network_error=0.38, network_floor=0.37)
    assert "label-noise" not in codes(learning(data=DATA, outputs=OUTPUTS, labels=hardly))


def test_labels_of_which_nearly_all_are_of_one_class_are_not_called_unrelated():
    labels = LabelProbe(1000, 0.5, 0.5, 0.5, 0.5)
    blind = replace(DATA, linear_score=0.5)
    assert "label-noise" in codes(stuck(data=blind, outputs=COLLAPSED, labels=labels))
    rare = replace(labels, train_score=0.98, valid_score=0.98, crossed_score=0.98, chance_score=0.98)
    assert "label-noise" not in codes(stuck(data=blind, outputs=COLLAPSED, labels=rare))


@pytest.mark.parametrize(
    ("changes", "variant"),
    [
        ({"like_probabilities": True, "within_unit": True, "span": 1.0}, "probabilities"),
        ({"loss": "bce", "within_unit": True, "last_layer": "Sigmoid", "span": 0.9}, "squashed"),
        ({"loss": "nll", "like_probabilities": True, "within_unit": True}, "no-logarithm"),
        ({"loss": "squares", "broadcast": True}, "broadcast"),
    ],
)
def test_outputs_in_the_wrong_form_for_the_loss(changes, variant):
    finding = first(stuck(data=DATA, outputs=replace(COLLAPSED, **changes)))
    assert (finding.code, finding.variant) == ("loss-output-mismatch", variant)


def test_logits_that_happen_to_lie_between_0_and_1_are_logits():
    young = replace(OUTPUTS, within_unit=True, span=0.2)
    assert "loss-output-mismatch" not in codes(learning(data=DATA, outputs=young))


@pytest.mark.parametrize(
    ("modes", "variant"),
    [
        (ModeProbe(0.3, 0.3, repeated=0.4), "random"),
        (ModeProbe(0.3, 0.3, company=0.4), "company"),
        (ModeProbe(0.3, 0.9), None),
    ],
)
def test_modes_that_disagree(modes, variant):
    finding = first(learning(modes=modes))
    assert (finding.code, finding.variant, finding.severity) == ("train-eval-mismatch", variant, "warning")


def test_a_worse_evaluation_mode_counts_by_the_loss_that_the_network_has():
    small = learning(prior_loss=10.0, modes=ModeProbe(0.001, 0.12))
    assert "train-eval-mismatch" in codes(small, "warning")
    assert "train-eval-mismatch" not in codes(learning(prior_loss=10.0, modes=ModeProbe(0.001, 0.05)))


def test_a_training_mode_loss_above_that_of_evaluation_is_dropout():
    assert codes(learning(modes=ModeProbe(0.6, 0.3, noise=0.02)), "warning") == []


@pytest.mark.parametrize("where", ["inputs", "target", "layer", "loss", "gradients", "weights"])
def test_a_loss_that_is_no_number_says_where_it_arose(where):
    observations = stuck(ended_by="non-finite-loss", non_finite=NonFiniteOrigin(where, "age", 1, 0))
    finding = first(observations)
    assert (finding.code, finding.variant) == ("non-finite-loss", where)


def test_a_rare_class_is_called_by_its_name():
    data = replace(DATA, class_counts=(990, 10), valid_class_counts=(297, 3), class_names=("no", "yes"))
    outputs = replace(OUTPUTS, predicted=(1.0, 0.0), actual=(0.99, 0.01), recalled=(1.0, 0.0), score=0.99)
    finding = first(learning(data=data, outputs=outputs))
    assert finding.explanation().startswith("Class yes makes up only 1.00% of")
    assert finding.explanation("es").startswith("La clase yes es solo el 1.00 % de")


def test_a_small_share_is_never_said_to_be_nothing():
    found = diagnose(learning(data=replace(DATA, duplicated_valid=0.004, duplicated_train=0.0)))
    (leak,) = (finding for finding in found if finding.code == "data-leakage")
    assert leak.explanation().startswith("0.4% of the validation rows")
    assert leak.severity == "info"
