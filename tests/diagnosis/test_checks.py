"""Each finding on a curve made to have it, and on one that must not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.diagnosis.curves_for_tests import codes, converged, falling, noisy, observe, overfitted, time

from goodfit.diagnosis.diagnose import diagnose
from goodfit.recipe import Recipe


def only(observations, code):
    found = [finding for finding in diagnose(observations) if finding.code == code]
    assert len(found) == 1, diagnose(observations)
    return found[0]


# non-finite-loss


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_becomes_no_number_is_an_error_from_that_epoch(broken):
    train, valid = converged(20)
    train[12:] = valid[12:] = broken
    finding = only(observe(train_loss=train, valid_loss=valid), "non-finite-loss")
    assert finding.severity == "error"
    assert finding.epoch == 13
    assert diagnose(observe(train_loss=train, valid_loss=valid)) == [finding]


def test_infinity_in_the_middle_counts_but_nan_there_was_not_measured():
    train, valid = converged(20)
    valid[5] = math.inf
    assert "non-finite-loss" in codes(observe(train_loss=train, valid_loss=valid))
    valid[5] = math.nan
    assert "non-finite-loss" not in codes(observe(train_loss=train, valid_loss=valid))


def test_validation_every_fifth_epoch_is_no_fault():
    train, valid = converged(23)
    valid[np.arange(23) % 5 != 0] = math.nan
    assert "non-finite-loss" not in codes(observe(train_loss=train, valid_loss=valid))


def test_nan_from_the_first_epoch_on_is_believed_when_the_history_says_so():
    nothing = np.full(1, math.nan)
    observations = observe({"ended_by": "non-finite-loss"}, running_loss=nothing, valid_loss=nothing)
    assert only(observations, "non-finite-loss").epoch == 1


def test_a_non_finite_loss_names_the_rate_and_lowers_it_in_the_recipe():
    train = np.array([1, 2, 4, 9, math.inf, math.nan])
    finding = only(observe({"recipe": Recipe(learning_rate=0.5)}, train_loss=train), "non-finite-loss")
    assert finding.causes[0].code == "learning-rate-too-high"
    assert finding.remedies[0].recipe == {"learning_rate": 0.05}


# diverging


@pytest.mark.parametrize("growth", [1.1, 1.5, 3])
def test_a_training_loss_that_grows_and_does_not_return_diverges(growth):
    t = time(40)
    train = np.where(t < 10, 2 / t, 0.2 * growth ** (t - 9))
    finding = only(observe(train_loss=train, valid_loss=1.2 * train), "diverging")
    assert finding.severity == "error"
    assert 8 <= finding.epoch <= 12


def test_a_loss_that_only_grows_diverges():
    assert codes(observe(running_loss=1.3 ** time(10)))[0] == "diverging"


def test_a_spike_that_recovers_and_a_rising_validation_loss_do_not_diverge():
    train, valid = converged(60)
    train[30:33] = 3
    assert "diverging" not in codes(observe(train_loss=train, valid_loss=valid))
    train, valid = overfitted(60, slope=0.2)
    assert "diverging" not in codes(observe(train_loss=train, valid_loss=valid))


# not-learning


@pytest.mark.parametrize(
    ("facts", "severity"), [({"prior_loss": 1.0986}, "error"), ({"classes": 3}, "error"), ({}, "info")]
)
def test_a_flat_loss_learns_nothing_for_sure_where_the_prior_is_known(facts, severity):
    flat = noisy(np.full(30, 1.0986), 0.001)
    finding = only(observe(facts, train_loss=flat, valid_loss=noisy(flat, 0.001, 1)), "not-learning")
    assert finding.severity == severity


def test_a_validation_loss_no_better_than_the_prior_is_said_to_memorise_when_training_falls():
    t = time(40)
    observations = observe(
        {"prior_loss": 0.69}, train_loss=0.69 * np.exp(-t / 20), valid_loss=0.70 + 0.01 * t
    )
    finding = only(observations, "not-learning")
    assert finding.variant == "memorises"
    assert "overfitting" in finding.symptoms


def test_a_loss_below_the_prior_learns():
    train, valid = converged()
    assert "not-learning" not in codes(observe({"prior_loss": 0.69}, train_loss=train, valid_loss=valid))


# overfitting


def test_overfitting_says_since_when_and_what_it_cost():
    train, valid = overfitted(60)
    finding = only(observe(train_loss=train, valid_loss=valid), "overfitting")
    lowest = int(valid.argmin())
    assert finding.severity == "warning"
    assert finding.evidence["best_epoch"] == pytest.approx(lowest + 1, abs=1)
    assert finding.evidence["cost"] == pytest.approx(valid[-1] / valid.min() - 1, rel=0.05)
    assert finding.confidence > 0.9


def test_restored_best_weights_make_it_information():
    train, valid = overfitted(60)
    best = float(valid.argmin() + 1)
    finding = only(observe({"best_epoch": best}, train_loss=train, valid_loss=valid), "overfitting")
    assert finding.severity == "info"
    assert finding.variant == "restored"
    last_kept = only(observe({"best_epoch": 60.0}, train_loss=train, valid_loss=valid), "overfitting")
    assert last_kept.severity == "warning"


def test_best_weights_that_only_noise_tells_from_the_lowest_loss_are_restored():
    train, valid = overfitted(60)
    lowest = int(valid.argmin())
    noisy = valid + 0.05 * np.random.default_rng(0).normal(size=60)
    facts = {"best_epoch": float(lowest - 3), "ended_by": "epochs"}
    assert only(observe(facts, train_loss=train, valid_loss=noisy), "overfitting").variant == "restored"


def test_without_a_training_loss_overfitting_is_less_sure():
    train, valid = overfitted(60)
    sure = only(observe(train_loss=train, valid_loss=valid), "overfitting").confidence
    assert only(observe(valid_loss=valid), "overfitting").confidence < sure


def test_a_gap_alone_is_not_overfitting():
    train, valid = converged()
    assert "overfitting" not in codes(observe(train_loss=train / 10, valid_loss=valid))


def test_both_losses_rising_is_not_overfitting():
    t = time(40)
    valid = 0.5 + 0.01 * np.abs(t - 15)
    assert "overfitting" not in codes(observe(train_loss=0.9 * valid, valid_loss=valid))


def test_early_stopping_is_offered_only_where_there_was_none():
    train, valid = overfitted(60)

    def first(recipe):
        return only(observe({"recipe": recipe}, train_loss=train, valid_loss=valid), "overfitting").remedies[
            0
        ]

    assert first(Recipe(patience=None)).recipe == {"patience": 20}
    assert first(Recipe(patience=30)).code == "fewer-epochs"


# not-converged and converged-early


def test_not_converged_says_how_much_more_is_to_be_expected():
    train, valid = falling(60)
    finding = only(
        observe({"recipe": Recipe(epochs=60)}, train_loss=train, valid_loss=valid), "not-converged"
    )
    truth = 0.08 + 240**-0.5
    assert finding.evidence["expected_low"] < truth < finding.evidence["expected_high"]
    assert finding.evidence["gain"] == pytest.approx(1 - truth / valid[-1], abs=0.15)
    assert {"epochs": 240} in [remedy.recipe for remedy in finding.remedies]
    assert finding.evidence["gain_low"] < finding.evidence["gain"] < finding.evidence["gain_high"]


def test_whole_epochs_are_advised_where_the_last_one_was_cut():
    train, valid = falling(60)
    epoch = np.append(np.arange(1.0, 60.0), 59.311)
    cut = observe({"recipe": Recipe(epochs=100)}, epoch=epoch, train_loss=train, valid_loss=valid)
    assert "Trained for 237 epochs" in only(cut, "not-converged").explanation()


@pytest.mark.parametrize("ended_by", ["time-budget", "interrupted", "epochs", None])
def test_whatever_cut_it_short_it_is_not_converged(ended_by):
    train, valid = falling(60)
    assert "not-converged" in codes(observe({"ended_by": ended_by}, train_loss=train, valid_loss=valid))


def test_patience_means_that_it_was_let_run():
    for curves in (falling, converged):
        train, valid = curves(60)
        found = codes(observe({"ended_by": "patience"}, train_loss=train, valid_loss=valid))
        assert not {"not-converged", "converged-early"} & set(found)


def test_converged_early_says_how_many_epochs_were_enough():
    train, valid = converged(100)
    finding = only(observe(train_loss=train, valid_loss=valid), "converged-early")
    assert finding.severity == "info"
    true = 1 + int(np.flatnonzero(valid > 1.01 * valid.min())[-1]) + 1
    assert finding.evidence["enough"] == pytest.approx(true, abs=2)


# underfitting


def test_a_level_network_worse_than_a_linear_model_underfits():
    train, valid = converged(60)
    finding = only(observe({"linear_loss": 0.25}, train_loss=train, valid_loss=valid), "underfitting")
    assert finding.severity == "warning"
    assert "underfitting" not in codes(observe({"linear_loss": 0.35}, train_loss=train, valid_loss=valid))


# learning rates


def test_curves_that_creep_mean_a_rate_too_low():
    creeping = 2.3 * np.exp(-time(60) / 400)
    assert "learning-rate-too-low" in codes(observe(train_loss=creeping, valid_loss=1.01 * creeping))


# spikes and swings


def test_spikes_are_counted_and_cost_nothing():
    train, valid = converged(60)
    train[[20, 41]] *= 4
    finding = only(observe(train_loss=noisy(train, 0.01), valid_loss=valid), "loss-spikes")
    assert finding.severity == "info"
    assert finding.evidence["count"] == 2
    assert finding.epoch == 21


def test_a_noisy_curve_has_no_spikes():
    train, valid = converged(60)
    for seed in range(5):
        observations = observe(train_loss=noisy(train, 0.05, seed), valid_loss=noisy(valid, 0.05, seed + 9))
        assert "loss-spikes" not in codes(observations)


def test_swings_that_do_not_shrink_are_told_from_those_that_do():
    t = time(60)
    swings = np.where(t % 2 == 0, 1.0, -1.0)
    level = 0.5 + np.exp(-t / 5)
    found = diagnose(observe(train_loss=level * (1 + 0.2 * swings), valid_loss=level))
    assert any("oscillating" in (finding.code, *finding.symptoms) for finding in found)
    shrinking = level * (1 + 0.3 * swings * np.exp(-t / 12))
    assert "oscillating" not in codes(observe(train_loss=shrinking, valid_loss=level))


# validation


def test_validation_noise_larger_than_the_choice_is_said_with_the_rows_that_would_do():
    train, valid = converged(60)
    jumping = noisy(valid, 0.12, 3)
    finding = only(observe({"valid_rows": 60}, train_loss=train, valid_loss=jumping), "noisy-validation")
    assert finding.evidence["needed"] > 10 * 60
    assert "noisy-validation" not in codes(observe({"valid_rows": 2000}, train_loss=train, valid_loss=valid))


def test_a_score_on_a_handful_of_rows_cannot_be_trusted():
    train, valid = converged(60)
    assert "noisy-validation" in codes(
        observe({"valid_rows": 12}, train_loss=train, valid_loss=valid), "warning"
    )


def test_validation_far_better_than_training_is_suspicious():
    train, valid = converged(60)
    facts = {"train_loss_is": "at-epoch-end", "valid_rows": 1000}
    finding = only(observe(facts, train_loss=train, valid_loss=0.4 * valid), "validation-too-good")
    assert finding.severity == "warning"
    assert "validation-too-good" not in codes(observe(facts, train_loss=train, valid_loss=valid))


def test_a_running_mean_over_a_steep_epoch_explains_a_better_validation():
    t = time(8)
    train = 3 * np.exp(-(t - 0.5) / 1.5)
    observations = observe(
        {"train_loss_is": "running-mean"}, train_loss=train, valid_loss=3 * np.exp(-t / 1.5)
    )
    assert "validation-too-good" not in codes(observations)


def test_a_metric_that_improves_while_the_loss_worsens_is_said():
    train, valid = overfitted(60)
    metric = 0.7 + 0.2 * (1 - np.exp(-time(60) / 20))
    found = diagnose(observe(train_loss=train, valid_loss=valid, valid_accuracy=metric))
    assert any("loss-metric-disagreement" in (finding.code, *finding.symptoms) for finding in found)


# premature-convergence


def test_a_curve_frozen_by_its_schedule_is_premature():
    t = time(60)
    rate = np.where(t < 20, 1.0, 1e-4)
    work = np.cumsum(rate)
    loss = 0.1 + (1 + work) ** -0.4
    observations = observe(train_loss=0.98 * loss, valid_loss=loss, learning_rate=0.01 * rate)
    found = codes(observations)
    assert "premature-convergence" in found or "not-converged" not in found
