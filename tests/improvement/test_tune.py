from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import goodfit
from goodfit.errors import InputError
from goodfit.improvement.finals import play_finals
from goodfit.improvement.search import Search
from goodfit.improvement.tuning import Tuning
from goodfit.recipe import Recipe
from spine_for_tests import people

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(160, 4)).astype(np.float32)
LABELS = (INPUTS[:, 0] * INPUTS[:, 1] + 0.3 * INPUTS[:, 2] > 0).astype(np.int64)
SPACE = {"learning_rate": {"low": 1e-3, "high": 0.1, "log": True}, "hidden": [[4], [8]]}


def search(**given: object) -> Tuning:
    wanted = {"space": SPACE, "trials": 8, "epochs": 9, "seeds": 2, "task": "binary", **given}
    return goodfit.tune((INPUTS, LABELS), **wanted)


@pytest.fixture(scope="module")
def tuning() -> Tuning:
    return search(trials=12)


def test_the_best_recipe_comes_with_its_run_and_all_that_was_tried(tuning):
    assert len(tuning.trials) == 12
    assert tuning.ended_by == "trials"
    assert tuning.recipe == tuning.run.recipe
    assert tuning.recipe.epochs == 9
    assert tuning.run.evaluation is not None
    values = [trial.value for trial in tuning.trials]
    assert tuning.best.value == min(values)
    assert {trial.state for trial in tuning.trials} == {"finished", "dropped"}
    for trial in tuning.trials:
        assert min(trial.curve["valid_loss"]) == trial.value
        assert trial.recipe.learning_rate == trial.values["learning_rate"]
        if trial.state == "dropped":
            assert trial.epochs == 3


def test_what_was_dropped_was_worse_after_as_many_epochs(tuning):
    after = {trial.number: min(trial.curve["valid_loss"][:3]) for trial in tuning.trials}
    best = min(after, key=lambda number: after[number])
    assert tuning.trials[best].state == "finished"


def test_those_that_were_dropped_count_no_more_where_the_rest_is_compared():
    rates = {"learning_rate": [1e-3 * 1.5**power for power in range(9)]}
    tuning = search(space=rates, sampler="grid", trials=None, epochs=27, patience=None, hidden=(8,), seeds=1)
    assert [trial.epochs for trial in tuning.trials].count(27) == 1


def test_the_best_recipe_alone_trains_the_same_run(tuning):
    again = goodfit.train((INPUTS, LABELS), recipe=tuning.recipe, task="binary")
    ours, theirs = tuning.run.history["valid_loss"], again.history["valid_loss"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_each_trial_has_a_start_of_its_own_and_all_have_the_same_rows(tuning):
    assert len({trial.recipe.seed for trial in tuning.trials}) == len(tuning.trials)
    assert {trial.recipe.split_seed for trial in tuning.trials} == {0}


def test_the_run_is_that_of_the_best_seed(tuning):
    first = tuning.finalists[0]
    assert min(tuning.run.history["valid_loss"]) <= min(first.values)


def test_the_best_is_compared_with_what_is_trained_without_a_search_over_seeds_and_rows(tuning):
    first, *others = tuning.finalists
    assert tuning.recipe.learning_rate == first.recipe.learning_rate
    assert first.behind is None
    assert len(first.values) == 2
    assert any(each.trial is None for each in tuning.finalists)
    for each in others:
        assert each.mean >= first.mean
        assert each.behind.low <= each.behind.value <= each.behind.high
        assert each.behind.value == pytest.approx(each.mean - first.mean)
    assert sum(each.chance for each in tuning.finalists) == pytest.approx(1)


def test_the_best_so_far_only_gets_better(tuning):
    course = tuning.best_so_far()
    assert np.all(np.diff(course["value"]) < 0)
    assert np.all(np.diff(course["seconds"]) >= 0)
    assert course["value"][-1] == tuning.best.value


def test_the_trials_are_a_table(tuning):
    frame = tuning.to_polars()
    assert frame.height == 12
    assert frame["hidden"].to_list() == [
        ",".join(map(str, trial.values["hidden"])) for trial in tuning.trials
    ]
    assert tuning.to_pandas().shape == frame.shape


def test_every_name_has_its_importance(tuning):
    assert set(tuning.importance) == {"learning_rate", "hidden"}
    assert sum(tuning.importance.values()) == pytest.approx(1)


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_story_tells_what_was_tried_and_how_sure_it_is(tuning, language):
    story = tuning.story(language, 80)
    assert "12 rec" in story
    assert "learning_rate" in story
    assert "{" not in story
    assert max(len(line) for line in story.splitlines() if "  " not in line.strip()) <= 80


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_report_is_one_page_that_loads_nothing(tuning, language, tmp_path):
    page = tuning.report(tmp_path / "report.html", language=language).read_text("utf-8")
    assert page.count("<svg") >= 3
    assert tuning.story(language).splitlines()[-1] != ""
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert not re.search(r"\{[a-z-]+\}", page.split("</style>")[1])
    assert "mathdefault" not in page


def test_the_best_so_far_can_be_drawn(tuning):
    axes = tuning.plot()
    assert axes.get_ylabel() == "valid_loss"
    drawn = axes.get_lines()[0].get_ydata()
    assert drawn[-1] == pytest.approx(tuning.best.value)


def test_the_same_seed_finds_the_same():
    one, other = search(), search()
    assert [trial.values for trial in one.trials] == [trial.values for trial in other.trials]
    assert [trial.value for trial in one.trials] == [trial.value for trial in other.trials]
    assert one.recipe == other.recipe


def test_random_states_are_left_as_they_were():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    search(trials=4, seeds=1, epochs=3)
    assert torch.equal(torch.rand(1), expected)


def test_without_halving_all_train_to_their_ends():
    tuning = search(halving=None, seeds=1, trials=4)
    assert [trial.state for trial in tuning.trials] == ["finished"] * 4
    assert tuning.finalists == ()
    assert "luck" in tuning.story()


def test_a_grid_is_tried_whole():
    tuning = search(
        space={"hidden": [[4], [8]], "schedule": ["constant", "cosine"]}, sampler="grid", trials=None
    )
    assert len(tuning.trials) == 4
    assert tuning.ended_by == "no-more"


def test_a_metric_decides_where_it_is_the_monitor():
    tuning = search(monitor="valid_accuracy", seeds=2)
    assert tuning.higher
    assert tuning.best.value == max(trial.value for trial in tuning.trials)
    assert tuning.finalists[0].mean == max(each.mean for each in tuning.finalists)
    assert all(each.behind.value >= 0 for each in tuning.finalists[1:])


def test_a_table_with_everything_in_it_and_the_default_space():
    tuning = goodfit.tune(people(200), target="bought", trials=8, epochs=4, seeds=2)
    searched = {"learning_rate", "weight_decay", "hidden", "dropout", "schedule", "initialization"}
    assert set(tuning.space.dimensions) == searched
    assert tuning.recipe.optimizer == "adamw"
    assert tuning.recipe.model == "mlp"
    assert set(tuning.run.predict(people(20)).columns) == {"prediction", "p_no", "p_yes"}


def test_what_is_trained_without_a_search_is_among_the_finalists_whatever_its_network():
    trained = goodfit.train(people(120), target="bought", bag=1)
    tuning = goodfit.tune(people(120), target="bought", trials=4, seeds=2)
    (unsearched,) = (each for each in tuning.finalists if each.trial is None)
    assert unsearched.recipe.replace(split_seed=None) == trained.recipe
    assert unsearched.recipe.model in ("linear", "tabm")
    assert f"without search ({unsearched.recipe.model})" in tuning.story()
    assert not any("goodfit train takes" in note.text() for note in tuning.notes)


def test_what_is_trained_without_a_search_is_recommended_where_it_is_the_best():
    tuning = search(space={"weight_decay": [1e3, 2e3]}, sampler="grid", trials=None, optimizer="adamw")
    assert tuning.finalists[0].trial is None
    assert tuning.recipe.weight_decay == 0
    assert "so that is the best recipe here" in " ".join(tuning.story().split())


def test_it_is_said_where_there_was_no_time_for_another_network():
    tuning = goodfit.tune(people(120), target="bought", trials=4, seeds=1)
    assert any("goodfit train takes" in note.text() for note in tuning.notes)


def test_a_network_of_ones_own_is_tuned():
    tuning = goodfit.tune(
        (INPUTS, LABELS[:, None].astype(np.float32)),
        model=lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1)),
        loss="bce",
        trials=4,
        epochs=4,
        seeds=2,
    )
    assert "hidden" not in tuning.space.dimensions
    assert len(tuning.trials) == 4


def test_some_trials_may_fail_and_are_told_of():
    tuning = search(
        space={"optimizer": ["adam", "adem"], "learning_rate": [1e-3, 1e-2]}, sampler="grid", trials=None
    )
    failed = [trial for trial in tuning.trials if trial.state == "failed"]
    assert len(failed) == 2
    assert all("adem" in str(trial.reason) for trial in failed)
    assert "2 trials failed" in tuning.story()
    assert math.isnan(failed[0].value)


def test_time_ends_a_search_and_what_there_is_is_kept():
    tuning = search(trials=None, time_budget=2.0, epochs=100_000, patience=None, halving=None)
    assert tuning.ended_by == "time-budget"
    assert any(trial.state == "cut" for trial in tuning.trials)
    assert tuning.finalists == ()
    assert "too short to train the best recipes again" in tuning.story()
    assert tuning.run.evaluation is not None


def test_what_ended_the_search_is_known_before_the_finals(monkeypatch):
    playing = []

    def playing_finals(*given, **named):
        playing.append(True)
        return play_finals(*given, **named)

    monkeypatch.setattr("goodfit.improvement.tune.SEARCHED", 0.1)
    monkeypatch.setattr("goodfit.improvement.tune.play_finals", playing_finals)
    monkeypatch.setattr(Search, "has_time_for_finals", lambda self: bool(self.study.trials) and not playing)
    assert search(trials=None, time_budget=15.0, epochs=8).ended_by == "time-budget"


def test_the_finals_have_their_part_of_the_time(monkeypatch):
    monkeypatch.setattr("goodfit.improvement.tune.SEARCHED", 0.1)
    monkeypatch.setattr(Search, "has_time_for_finals", lambda self: len(self.study.trials) > 0)
    tuning = search(trials=None, time_budget=15.0, epochs=8)
    assert tuning.ended_by == "time-budget"
    assert len(tuning.finalists) >= 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"space": {}}, "is empty"),
        ({"space": {"hidden": [[4]]}}, "only one value"),
        ({"space": {"learnin_rate": [1, 2]}}, "did you mean"),
        ({"monitor": "valid_nothing"}, "valid_nothing"),
        (
            {"space": {"hidden": [[4], [8]]}, "hidden": (4,)},
            "both set for all trials and in the search space",
        ),
        ({"space": {"optimizer": ["adem", "addam"]}}, "adem|addam"),
        ({"trials": 0}, "trials is 0"),
        ({"trials": 2.5}, r"trials is 2\.5"),
        ({"seeds": 0}, "seeds is 0"),
        ({"halving": 1}, "halving is 1"),
        ({"time_budget": -1}, "time_budget is -1"),
        ({"time_budget": 1e-3}, "before any recipe had trained for an epoch"),
        ({"sampler": "best"}, "no sampler 'best'"),
        ({"sampler": "grid"}, "give it a step"),
        ({"resume": True}, "say which: give its folder"),
        (
            {"recipe": Recipe(learning_rate=1e30, optimizer="sgd"), "space": {"hidden": [[4], [8]]}},
            "could train",
        ),
    ],
)
def test_bad_input_is_one_sentence(given, words):
    with pytest.raises(InputError, match=words):
        search(**given)


def test_without_validation_rows_there_is_nothing_to_compare_by():
    with pytest.raises(InputError, match="no validation rows"):
        goodfit.tune(
            torch.utils.data.DataLoader(
                torch.utils.data.TensorDataset(torch.randn(20, 3), torch.zeros(20).long())
            ),
            model=nn.Linear(3, 2),
            loss="cross_entropy",
        )


def test_a_network_that_is_searched_keeps_its_own_defaults():
    tuning = search(
        space={"model": ["mlp", "linear"], "learning_rate": [0.01, 0.1]}, sampler="grid", trials=None
    )
    assert {trial.recipe.model for trial in tuning.trials} == {"mlp", "linear"}
    assert tuning.recipe.model in ("mlp", "linear")
