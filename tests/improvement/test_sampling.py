from __future__ import annotations

import sys

import pytest

from goodfit.errors import InputError
from goodfit.improvement.sampling import SAMPLERS, make_sampling
from goodfit.improvement.space import Space
from goodfit.improvement.trial import Trial
from goodfit.recipe import Recipe

SPACE = Space.of(
    {
        "learning_rate": {"low": 1e-4, "high": 0.1, "log": True},
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
        "epochs": {"low": 2, "high": 9},
        "hidden": [[4], [8, 8], [16]],
    },
    Recipe(),
)
STEPS = Space.of({"dropout": {"low": 0.0, "high": 0.5, "step": 0.1}, "hidden": [[4], [8]]}, Recipe())


def trial(point: dict, number: int, value: float, state: str = "finished") -> Trial:
    return Trial(number, point, SPACE.recipe(point), state, value=value, epochs=3)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_proposes_points_of_the_space_and_learns(name):
    space = STEPS if name == "grid" else SPACE
    sampling = make_sampling(name, space, seed=1, higher=False)
    other = (
        next(STEPS.grid())
        if name == "grid"
        else space.plain() and {"learning_rate": 0.01, "dropout": 0.1, "epochs": 3, "hidden": (4,)}
    )
    sampling.take_in(
        trial(other, 0, 0.3) if name != "grid" else Trial(0, other, STEPS.recipe(other), "finished")
    )
    seen = []
    for _ in range(3):
        points = sampling.ask(4)
        for place, point in enumerate(points):
            recipe = space.recipe(point)
            assert recipe.dropout == pytest.approx(round(recipe.dropout, 1))
            state = ("finished", "dropped", "failed", "finished")[place]
            told = Trial(
                len(seen), point, recipe, state, value=float("nan") if state == "failed" else recipe.dropout
            )
            sampling.tell(point, None if place == 3 else told)
            seen.append(point)
    assert len({repr(point) for point in seen}) > 3


@pytest.mark.parametrize("name", ["tpe", "random", "quasi-random", "cmaes"])
def test_the_same_seed_proposes_the_same(name):
    asked = [make_sampling(name, SPACE, seed=seed, higher=True).ask(6) for seed in (3, 3, 4)]
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


def test_tpe_moves_towards_what_is_better():
    sampling = make_sampling("tpe", SPACE, seed=0, higher=False)
    for number in range(40):
        (point,) = sampling.ask(1)
        sampling.tell(point, trial(point, number, abs(point["dropout"] - 0.4) + (point["hidden"] != (16,))))
    late = sampling.ask(10)
    assert sum(point["hidden"] == (16,) for point in late) >= 6
    assert sum(point["dropout"] for point in late) / 10 == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize("higher", [False, True])
def test_tpe_learns_from_the_best_of_many(higher):
    sampling = make_sampling("tpe", SPACE, seed=0, higher=higher)
    drawn = make_sampling("random", SPACE, seed=0, higher=higher)
    for number, point in enumerate(drawn.ask(500)):
        value = abs(point["dropout"] - 0.4) + (point["hidden"] != (16,))
        state = "dropped" if value > 1 else "finished"
        sampling.take_in(trial(point, number, -value if higher else value, state))
    points = sampling.ask(10)
    assert sum(point["hidden"] == (16,) for point in points[3:]) >= 5  # the first three are one of each
    assert sum(point["dropout"] for point in points) / 10 == pytest.approx(0.4, abs=0.12)
    assert len(sampling._study.trials) == 200 + 10


def test_points_that_are_to_train_together_have_one_structure():
    sampling = make_sampling("tpe", SPACE, seed=0, higher=False)
    firsts = sampling.ask(3)
    assert len({point["hidden"] for point in firsts}) == 3  # each one comes before any is preferred
    for first in firsts:
        points = sampling.ask(4, like=first)
        assert {point["hidden"] for point in points} == {first["hidden"]}
        assert len({point["learning_rate"] for point in (first, *points)}) == 5


def test_a_grid_without_end_is_refused():
    space = Space.of({"dropout": {"low": 0, "high": 0.9, "step": 1e-7}}, Recipe())
    with pytest.raises(InputError, match="has 9,000,001 recipes"):
        make_sampling("grid", space, seed=0, higher=False)


def test_a_grid_has_every_point_once_and_again_what_was_not_tried():
    grid = make_sampling("grid", STEPS, seed=0, higher=False)
    first = grid.ask(5)
    grid.tell(first[0], None)
    grid.take_in(Trial(0, dict(grid.ask(0) or first[0]), Recipe(), "finished"))
    rest = grid.ask(100)
    assert len(rest) == 12 - 5
    assert grid.ask(1) == []
    with pytest.raises(InputError, match="give it a step"):
        make_sampling("grid", SPACE, seed=0, higher=False)


def test_an_unknown_sampler_is_refused():
    with pytest.raises(InputError, match="choose among tpe"):
        make_sampling("tpo", SPACE, seed=0, higher=False)


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'goodfit\[tune\]'"):
        make_sampling("tpe", SPACE, seed=0, higher=False)
