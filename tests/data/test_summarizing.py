"""The summary of the data says what is there and is the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.data.neighbours import probe_labels
from goodfit.data.summarizing import Rows, fingerprints, r2, summarize, thinned


def table(rows: int = 400, features: int = 5, seed: int = 0, shift: float = 0.0) -> Rows:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, features)) + shift
    target = (inputs[:, 0] + inputs[:, 1] + 0.3 * rng.normal(size=rows) > 2 * shift).astype(np.int64)
    return Rows(inputs, target, [f"x{number}" for number in range(features)])


def with_column(rows: Rows, column: int, values: np.ndarray) -> Rows:
    features = rows.features.copy()
    features[:, column] = values
    return Rows(features, rows.target, rows.names)


def test_scales_are_those_of_the_features_that_vary() -> None:
    rows = with_column(table(), 3, np.full(400, 7.0))
    rows = with_column(rows, 2, 1e6 * rows.features[:, 2])
    found = summarize(rows, None)
    assert (found.constant, found.features, found.largest_feature) == (1, 5, "x2")
    assert found.scale_high == pytest.approx(1e6, rel=0.1)
    assert found.scale_low == pytest.approx(1, rel=0.1)


def test_constant_inputs_are_all_that_is_said_of_them() -> None:
    found = summarize(Rows(np.ones((50, 3)), None, ["a", "b", "c"]), None)
    assert (found.constant, found.scale_high, found.shift) == (3, None, None)


def test_the_copy_of_a_target_gives_it_away() -> None:
    rows = table()
    assert rows.target is not None
    found = summarize(with_column(rows, 4, 3.0 * rows.target + 1), None)
    assert (found.giveaway, found.giveaway_score, found.giveaway_exact) == ("x4", 1.0, True)
    assert found.other_score is not None
    assert found.other_score < 0.95


def test_a_monotone_copy_of_values_gives_them_away() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 4))
    target = inputs[:, :1] + rng.normal(size=(400, 1))
    inputs[:, 3] = np.exp(target[:, 0])
    found = summarize(Rows(inputs, target, list("abcd")), None)
    assert (found.giveaway, found.giveaway_exact) == ("d", True)
    assert found.giveaway_score == pytest.approx(1, abs=0.02)


def test_an_ordinary_feature_gives_nothing_away() -> None:
    found = summarize(table(), None)
    assert found.giveaway_score is not None
    assert found.giveaway_score < 0.9
    assert not found.giveaway_exact


def test_rows_of_one_kind_are_not_told_apart_and_shifted_ones_are() -> None:
    same = summarize(table(seed=0), table(200, seed=1)).shift
    other = summarize(table(seed=0), table(200, seed=1, shift=1.0)).shift
    assert same is not None
    assert other is not None
    assert same.low < 0.5
    assert other.low > 0.7


def test_no_shift_is_judged_where_rows_were_not_drawn() -> None:
    assert summarize(table(), table(seed=1), drawn=False).shift is None


def test_a_linear_task_is_scored_well_by_the_linear_model() -> None:
    found = summarize(table(), table(200, seed=1))
    assert found.linear_score is not None
    assert found.linear_score > 0.85
    assert found.chance_score == pytest.approx(0.5, abs=0.06)


@settings(max_examples=25)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 5))
def test_rows_share_a_fingerprint_only_if_they_are_equal(rows: int, features: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 3, (rows, features)).astype(np.float32)
    marks = fingerprints(values)
    for one in range(rows):
        for other in range(rows):
            assert (marks[one] == marks[other]) == bool((values[one] == values[other]).all())


def test_thinning_draws_the_same_rows_each_time_and_no_random_state() -> None:
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert list(thinned(5, 10)) == [0, 1, 2, 3, 4]
    assert list(thinned(1000, 20)) == list(thinned(1000, 20))
    assert len(set(thinned(1000, 20))) == 20
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_r2_of_the_mean_is_0_and_of_the_truth_1() -> None:
    values = np.arange(10.0)[:, None]
    assert r2(values, values) == 1
    assert r2(values, np.full_like(values, 4.5)) == 0


# Labels and neighbours


def clusters(seed: int, rows: int = 400) -> Rows:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, rows)
    centres = 5 * np.random.default_rng(9).normal(size=(3, 4))
    return Rows(centres[target] + rng.normal(size=(rows, 4)), target.astype(np.int64), list("abcd"))


def test_sound_labels_go_with_their_neighbours() -> None:
    probe = probe_labels(clusters(0), clusters(1, 150))
    assert probe is not None
    assert probe.train_score > 0.95
    assert probe.crossed_score is not None
    assert probe.crossed_score > 0.95
    assert probe.floor == 0


def test_shuffled_training_labels_are_at_chance_while_validation_is_not() -> None:
    rows = clusters(0)
    assert rows.target is not None
    shuffled = Rows(rows.features, np.random.default_rng(5).permutation(rows.target), rows.names)
    probe = probe_labels(shuffled, clusters(1, 150))
    assert probe is not None
    assert probe.train_score < probe.chance_score + 0.08
    assert probe.valid_score is not None
    assert probe.valid_score > 0.9


def test_wrong_labels_stay_where_the_neighbours_are_surest() -> None:
    rows = clusters(0)
    assert rows.target is not None
    rng = np.random.default_rng(3)
    wrong = rng.random(len(rows)) < 0.2
    noisy = Rows(rows.features, np.where(wrong, (rows.target + 1) % 3, rows.target), rows.names)
    probe = probe_labels(noisy, None)
    assert probe is not None
    assert probe.floor == pytest.approx(0.2, abs=0.08)
    assert probe.floor_low is not None
    assert 0.08 < probe.floor_low < probe.floor
    assert probe.doubted is not None
    assert probe.doubted > 0


def test_few_rows_are_not_judged() -> None:
    assert probe_labels(clusters(0, 30), None) is None
