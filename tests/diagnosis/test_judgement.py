from __future__ import annotations

import math

import numpy as np
import pytest
from tests.diagnosis.curves_for_tests import converged, falling, observe, overfitted

from goodfit.diagnosis import judgement
from goodfit.diagnosis.judgement import chances, judge, later, likely, severity
from goodfit.diagnosis.traits import TRAITS


def test_the_stored_model_speaks_of_the_traits_that_there_are():
    assert tuple(judgement._model()["traits"]) == TRAITS


def test_a_tree_is_walked_by_its_thresholds_and_nan_goes_where_it_is_told():
    tree = [[0, 0.5, 1, 2, 2], [-1.0], [1, 2.0, 3, 4, 3], [10.0], [20.0]]
    walk = judgement._leaf
    assert walk(tree, [0.5, 9.0]) == -1
    assert walk(tree, [0.6, 2.0]) == 10
    assert walk(tree, [0.6, 2.1]) == 20
    assert walk(tree, [math.nan, math.nan]) == 10


def test_every_branch_of_the_stored_trees_leads_somewhere():
    model = judgement._model()
    for part in [*model["codes"].values(), *(model["later"][name] for name in ("low", "middle", "high"))]:
        for tree in part["trees"]:
            for node in tree:
                assert len(node) in (1, 5)
                assert all(0 < target < len(tree) for target in node[2:])
                assert len(node) == 1 or 0 <= node[0] < len(TRAITS)


def test_nothing_known_still_gives_chances():
    found = chances(dict.fromkeys(TRAITS, math.nan))
    assert all(0 < chance < 1 for chance in found.values())


@pytest.mark.parametrize(("kind", "code"), [(overfitted, "overfitting"), (falling, "not-converged")])
def test_plain_cases_are_judged_plainly(kind, code):
    train, valid = kind()
    observations = observe(train_loss=train, valid_loss=valid)
    assert likely(observations, code) == judge(observations)[code] > 0.7
    sound = observe(train_loss=converged()[0], valid_loss=converged()[1] + 0.002 * np.sin(np.arange(60)))
    assert likely(sound, "overfitting") is None


def test_without_a_validation_loss_nothing_is_judged():
    observations = observe(train_loss=converged()[0])
    assert judge(observations) == {}
    assert later(observations) is None
    assert likely(observations, "overfitting") is None


def test_what_is_expected_lies_in_its_interval():
    for kind in (converged, falling, overfitted):
        train, valid = kind()
        low, middle, high = later(observe(train_loss=train, valid_loss=valid))
        assert -1 < low < middle < high


def test_only_what_is_sure_or_plain_is_a_warning():
    assert severity(0.99) == "warning"
    assert severity(0.5) == "info"
    assert severity(0.5, seen=0.6) == "warning"
