from __future__ import annotations

import numpy as np
import pytest

from goodfit.improvement.importance import importance
from goodfit.improvement.space import Space
from goodfit.improvement.trial import Trial
from goodfit.recipe import Recipe

SPACE = Space.of(
    {"learning_rate": {"low": 1e-4, "high": 0.1, "log": True}, "hidden": [[4], [8]], "dropout": [0.0, 0.1]},
    Recipe(),
)


def trials(count: int) -> list[Trial]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        point = {
            "learning_rate": float(10 ** rng.uniform(-4, -1)),
            "hidden": [(4,), (8,)][rng.integers(2)],
            "dropout": 0.0,
        }
        value = 10 * (point["hidden"] == (8,)) + np.log10(point["learning_rate"])
        found.append(Trial(number, point, SPACE.recipe(point), "finished", value=float(value)))
    return found


@pytest.mark.parametrize("higher", [False, True])
def test_what_decides_has_the_largest_share(higher):
    found = importance(SPACE, trials(60), higher=higher)
    assert list(found) == ["hidden", "learning_rate"]  # dropout was the same in all
    assert sum(found.values()) == pytest.approx(1)
    assert found["hidden"] > 0.6


def test_of_many_trials_a_part_says_the_same():
    found = importance(SPACE, trials(2000), higher=False)
    assert list(found) == ["hidden", "learning_rate"]
    assert found["hidden"] > 0.6


def test_few_trials_say_nothing():
    assert importance(SPACE, trials(9), higher=False) == {}
    same = [Trial(number, {**SPACE.plain()}, Recipe(), "failed") for number in range(20)]
    assert importance(SPACE, same, higher=False) == {}
