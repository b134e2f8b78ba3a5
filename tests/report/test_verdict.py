from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from runs_for_tests import broken_run, own_network_run

from goodfit.evaluation.evaluate import evaluate
from goodfit.evaluation.scores import Evaluation
from goodfit.finding import Finding, Remedy
from goodfit.messages import Message
from goodfit.observations import History
from goodfit.recipe import Recipe
from goodfit.report.parts import ReportParts
from goodfit.report.verdict import changes, verdict

STOPPED = Finding(
    "not-converged",
    "warning",
    0.9,
    None,
    {
        "epochs": 20.0,
        "longer": 80.0,
        "last": 0.5,
        "expected": 0.4,
        "expected_low": 0.38,
        "expected_high": 0.45,
        "gain": 0.2,
    },
    remedies=(Remedy("train-longer", {"epochs": 80, "patience": None}),),
)


def judged(network: float, linear: float, rows: int = 300) -> Evaluation:
    """Return an Evaluation of predictions that are off by so much."""
    random = np.random.default_rng(0)
    target = random.normal(size=rows)
    said = {"linear": target + linear * random.normal(size=rows), "prior": np.zeros(rows)}
    predicted = target + network * random.normal(size=rows)
    return evaluate(target, predicted, task="regression", targets=("y",), baselines=said, resamples=200)


@pytest.mark.parametrize(
    ("evaluation", "findings", "lead", "tone"),
    [
        (judged(0.2, 0.5), (), "The network beats a linear model.", "good"),
        (judged(0.2, 0.5), (STOPPED,), "The network beats a linear model, but read the warnings.", "mixed"),
        (judged(0.5, 0.5), (), "The network does no better than a linear model.", "mixed"),
        (judged(0.5, 0.2), (), "A linear model does better than this network.", "bad"),
        (judged(2.0, 2.0), (), "The network does no better than always giving the same answer.", "bad"),
        (None, (), "Nothing wrong was seen in the training.", "good"),
        (None, (STOPPED,), "The training ended, with warnings.", "mixed"),
    ],
)
def test_the_lead_says_what_the_evaluation_and_the_diagnosis_come_to(evaluation, findings, lead, tone):
    said = verdict(ReportParts(name="x", evaluation=evaluation, findings=findings))
    assert (said.lead, said.tone) == (lead, tone)


def test_a_training_of_few_epochs_is_said_to_be_too_short_to_judge():
    short = Message("findings.missing.epochs", {"count": 2, "needed": 4})
    history = History({"epoch": [1, 2], "valid_loss": [2.0, 1.0]})
    said = verdict(ReportParts(name="x", history=history, untold=[short]))
    assert short.text() in said.sentences
    assert "nothing wrong with the training" not in " ".join(said.sentences)


def test_an_error_outweighs_every_score():
    said = verdict(dataclasses.replace(broken_run(), evaluation=judged(0.2, 0.5)))
    assert (said.lead, said.tone) == ("This model cannot be used as it is.", "bad")
    assert "“The loss is not a number”" in said.sentences[-1]


def test_it_says_how_good_with_interval_and_beside_the_mean():
    evaluation = judged(0.2, 0.5)
    sentence = verdict(ReportParts(name="x", evaluation=evaluation)).sentences[0]
    error, prior = evaluation.metrics["mae"], evaluation.baselines["prior"]["mae"]
    assert (
        f"off by {error.value:.4g} on average (95% interval: {error.low:.4g} to {error.high:.4g})" in sentence
    )
    assert f"mean would be off by {prior.value:.4g}" in sentence


def test_what_to_do_next_comes_from_the_remedies_with_their_recipe_changes():
    steps = verdict(ReportParts(name="x", evaluation=judged(0.2, 0.5), findings=(STOPPED,))).steps
    assert [step.words for step in steps] == ["Train longer: 80 epochs."]
    assert steps[0].changes.replace("\u00a0", " ") == 'epochs = 80, patience = "none"'


def test_a_network_that_is_no_better_sends_to_the_linear_model():
    steps = verdict(ReportParts(name="x", evaluation=judged(0.5, 0.2))).steps
    assert steps[0].changes.replace("\u00a0", " ") == 'model = "linear"'
    assert not [
        step for step in verdict(ReportParts(name="x", evaluation=judged(2.0, 2.0))).steps if step.changes
    ]


def test_a_linear_model_is_not_sent_to_the_linear_model():
    linear = ReportParts(
        name="x", evaluation=judged(0.5, 0.5), recipe=Recipe(model="linear"), predict_python="predict"
    )
    said = verdict(linear)
    assert said.lead.startswith("A linear model, as good as one")
    assert not [step for step in said.steps if step.changes]
    assert "how to predict" in said.steps[-1].words


def test_a_good_network_is_to_be_used_and_one_without_a_test_to_be_measured():
    good = verdict(ReportParts(name="x", evaluation=judged(0.2, 0.5), predict_command="goodfit predict"))
    assert "how to predict" in good.steps[0].words
    assert "test" in verdict(own_network_run()).steps[0].words


def test_predictions_that_are_no_numbers_have_no_score():
    broken = evaluate(np.arange(30.0), np.full(30, np.nan), task="regression", targets=("y",), resamples=20)
    sentences = verdict(ReportParts(name="x", evaluation=broken)).sentences
    assert "cannot be computed" in sentences[0]


def test_changes_read_as_a_recipe_does():
    assert changes({"hidden": (8, 8)}).replace("\u00a0", " ") == "hidden = [8, 8]"


def test_of_two_remedies_that_pull_one_field_apart_the_first_is_given():
    torn = dataclasses.replace(
        STOPPED,
        remedies=(
            Remedy("raise-learning-rate", {"learning_rate": 0.1}),
            Remedy("lower-learning-rate", {"learning_rate": 0.001}),
        ),
    )
    steps = verdict(ReportParts(name="x", evaluation=judged(0.2, 0.5), findings=(torn,))).steps
    assert [step.words for step in steps] == ["Raise the learning rate."]
