from __future__ import annotations

import numpy as np
import pytest

from goodfit.improvement import evidence
from goodfit.improvement.evidence import ranked
from goodfit.recipe import Recipe
from goodfit.training.attention import Attention
from goodfit.workflow.members import group_members, make_members, train_group
from goodfit.workflow.population import divider
from goodfit.workflow.tables import TableOptions

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(200, 3)).astype(np.float32)
LABELS = (INPUTS[:, 0] + 0.5 * RNG.normal(size=200) > 0).astype(np.int64)
VALUES = INPUTS @ np.array([1.0, -1.0, 0.5]) + 0.3 * RNG.normal(size=200)


def trained(recipes, target, task, seeds=3):
    parts_for = divider((INPUTS, target), None, None, None, None, TableOptions(task))
    found = []
    for recipe in recipes:
        seeded = [recipe.replace(seed=seed) for seed in range(seeds)]
        members = make_members(seeded, lambda recipe: parts_for(recipe.replace(seed=0)), None, vitals=False)
        for group in group_members(members):
            train_group(group, Attention())
        found.append(members)
    return found


GOOD = Recipe(hidden=(4,), epochs=20, learning_rate=0.05)
POOR = GOOD.replace(learning_rate=1e-4)


@pytest.mark.parametrize(
    ("target", "task", "monitor", "higher"),
    [
        (LABELS, "binary", "valid_loss", False),
        (LABELS, "binary", "valid_accuracy", True),
        (VALUES, "regression", "valid_loss", False),
        (VALUES, "regression", "valid_rmse", False),
        (VALUES, "regression", "train_loss", False),
    ],
)
def test_the_better_recipe_is_first_and_surely_so(target, task, monitor, higher):
    recipes = [POOR.replace(monitor=monitor), GOOD.replace(monitor=monitor)]
    members = trained(recipes, target, task)
    first, second = ranked(list(zip((7, None), recipes, strict=True)), members, higher=higher)
    assert (first.recipe, first.trial, first.behind) == (recipes[1], None, None)
    assert second.trial == 7
    assert first.values == tuple(member.state.best.value for member in members[1])
    assert second.behind.value == pytest.approx(abs(first.mean - second.mean))
    assert 0 < second.behind.low < second.behind.value < second.behind.high
    assert first.chance > 0.97


def test_equals_are_not_told_apart():
    members = trained([GOOD], LABELS, "binary")
    first, second = ranked([(0, GOOD), (1, GOOD)], [*members, *members], higher=False)
    assert (second.behind.low, second.behind.value, second.behind.high) == pytest.approx((0, 0, 0), abs=1e-12)
    assert first.mean == second.mean


def test_a_recipe_without_a_value_is_last():
    wild = GOOD.replace(optimizer="sgd", learning_rate=1e30)
    members = trained([wild, GOOD], VALUES, "regression")
    first, last = ranked([(0, wild), (1, GOOD)], members, higher=False)
    assert (first.trial, last.trial) == (1, 0)
    assert np.isinf(last.mean)


@pytest.mark.parametrize("rows", [400, 40_000])
def test_means_stray_as_their_standard_error(rows, monkeypatch):
    monkeypatch.setattr(evidence, "MOST_ROWS", 2000)
    losses = np.random.default_rng(1).exponential(size=(2, rows))
    strayed = evidence._means_strayed(losses, seed=0)
    expected = losses.std(axis=1) / np.sqrt(rows)
    np.testing.assert_allclose(strayed.std(axis=1), expected, rtol=0.1)
    np.testing.assert_allclose(strayed.mean(axis=1), 0, atol=expected.max() / 5)
