from __future__ import annotations

import math

import optuna
import pytest

from goodfit.errors import InputError
from goodfit.improvement.sampling import quiet
from goodfit.improvement.space import Space
from goodfit.improvement.study import Study
from goodfit.improvement.trial import Trial
from goodfit.messages import Message
from goodfit.recipe import Recipe

SPACE = Space.of(
    {
        "learning_rate": {"low": 1e-4, "high": 0.1, "log": True},
        "hidden": [[4], [8, 8]],
        "patience": ["none", 3],
        "epochs": {"low": 2, "high": 9},
    },
    Recipe(),
)
FACTS = {
    "space": SPACE.plain(),
    "data": {"sha256": "a"},
    "recipe": Recipe().to_dict(),
    "monitor": "valid_loss",
}


def study(storage: object, **given: object) -> Study:
    wanted = {"seed": 0, "higher": False, "storage": str(storage), "name": "wine", "facts": FACTS, **given}
    return Study(SPACE, "tpe", **wanted)


def trial(point: dict, number: int, state: str, value: float) -> Trial:
    return Trial(
        number=number,
        values=dict(point),
        recipe=SPACE.recipe(point),
        state=state,
        value=value,
        epochs=3.0,
        best_epoch=2.0 if math.isfinite(value) else math.nan,
        found=1.25 + number,
        curve={"epoch": (1.0, 2.0, 3.0), "valid_loss": (0.9, 0.25, math.nan), "seconds": (1.0, 1.25, 1.5)},
        reason=None if math.isfinite(value) else Message("tuning.failed.not-finite"),
    )


def filled(storage: object, **given: object) -> Study:
    kept = study(storage, **given)
    for number, point in enumerate(kept.ask(4)):
        state = ("finished", "dropped", "cut", "failed")[number]
        kept.keep(point, trial(point, number, state, math.nan if state == "failed" else 0.25 + number))
    return kept


@pytest.fixture(params=["study.db", "study.journal"])
def storage(tmp_path, request):
    """Return a place of each kind of storage that a folder may hold."""
    return tmp_path / request.param


def test_trials_come_back_as_they_were(storage):
    kept, again = filled(storage), study(storage)
    assert len(again.trials) == 4
    for ours, theirs in zip(kept.trials, again.trials, strict=True):
        assert repr(ours) == repr(theirs)
    assert again.begun == 4.25


def test_processes_on_one_storage_learn_of_each_other_and_propose_other_points(storage):
    one, other = study(storage), study(storage)
    points = one.ask(3), other.ask(3)
    assert not {repr(point) for point in points[0]} & {repr(point) for point in points[1]}
    for kept, its in zip((one, other), points, strict=True):
        for point in its:
            kept.keep(point, trial(point, len(kept.trials), "finished", 0.5))
    for kept in (one, other):
        kept.take_in()
        assert len(kept.trials) == 6
        kept.take_in()
        assert len(kept.trials) == 6
    numbers = [{repr(each.values): each.number for each in kept.trials} for kept in (one, other)]
    assert numbers[0] == numbers[1]
    assert sorted(numbers[0].values()) == list(range(6))


def test_points_that_were_not_tried_leave_nothing(storage):
    kept = study(storage)
    for point in kept.ask(2):
        kept.keep(point, None)
    assert study(storage).trials == []


def test_an_empty_study_is_removed_unless_somebody_else_works_on_it(storage):
    study(storage).remove_if_empty()
    one = study(storage, facts={**FACTS, "data": {"sha256": "b"}})
    study(storage, facts={**FACTS, "data": {"sha256": "b"}})
    one.remove_if_empty()
    with pytest.raises(InputError, match="is of other data"):
        study(storage)
    kept = filled(storage, name="other")
    kept.remove_if_empty()
    assert len(study(storage, name="other").trials) == 4


def test_optuna_itself_reads_the_study(tmp_path):
    filled(tmp_path / "study.db")
    with quiet():
        theirs = optuna.load_study(study_name="wine", storage=f"sqlite:///{tmp_path / 'study.db'}")
    states = optuna.trial.TrialState
    assert [each.state for each in theirs.trials] == [
        states.COMPLETE,
        states.PRUNED,
        states.PRUNED,
        states.FAIL,
    ]
    assert theirs.best_value == 0.25
    assert theirs.trials[0].intermediate_values[2] == 0.25
    assert theirs.trials[0].duration.total_seconds() == 0.5
    assert theirs.metric_names == ["valid_loss"]
    assert theirs.trials[0].params["hidden"] in ("4", "8,8")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({**FACTS, "space": {"hidden": [[4], [5]]}}, "searches another space"),
        ({**FACTS, "data": {"sha256": "b"}}, "is of other data"),
        ({**FACTS, "recipe": Recipe(epochs=3).to_dict()}, "other recipe options"),
    ],
)
def test_two_studies_of_one_name_are_kept_apart(tmp_path, facts, words):
    study(tmp_path / "study.db")
    with pytest.raises(InputError, match=words):
        study(tmp_path / "study.db", facts=facts)
    assert study(tmp_path / "study.db", facts=facts, name="other").trials == []


def test_a_study_of_somebody_else_is_left_alone(tmp_path):
    address = f"sqlite:///{tmp_path / 'study.db'}"
    with quiet():
        theirs = optuna.create_study(study_name="wine", storage=address)
        theirs.optimize(lambda asked: asked.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(InputError, match="not made by goodfit"):
        study(address)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql+pg8000://ann:secret@localhost:1/trials", "pip install 'pg8000'"),
        ("postgres://ann:secret@localhost:1/trials", "begin with postgresql://"),
    ],
)
def test_an_address_without_its_driver_says_what_to_install(address, words):
    with pytest.raises(InputError, match=words) as caught:
        study(address)
    assert "secret" not in str(caught.value)


def test_a_storage_that_cannot_be_used_is_named_without_its_password(tmp_path):
    (tmp_path / "study.db").write_text("no database")
    with pytest.raises(InputError, match=r"study\.db cannot be used"):
        study(tmp_path / "study.db")
    with pytest.raises(InputError, match=r"cannot be used|not installed") as caught:
        study("postgresql://ann:secret@localhost:1/trials")
    assert "secret" not in str(caught.value)
    assert "ann:***@localhost" in str(caught.value)
