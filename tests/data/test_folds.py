from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.folds import fold_splits
from goodfit.data.table import Profile
from goodfit.errors import InputError
from goodfit.messages import Message


def profile(task="binary", **columns) -> Profile:
    return Profile(0, (), ("y",), task, Message("training.data.own"), **columns)


@given(st.lists(st.sampled_from("abc"), min_size=40, max_size=120), st.integers(2, 5), st.integers(0, 9))
def test_every_row_is_left_out_once_and_each_class_in_proportion(labels, folds, seed):
    labels += list("abc") * folds
    frame = pl.DataFrame({"y": labels})
    splits = fold_splits(frame, profile("multiclass"), folds, seed=seed).splits
    assert sorted(np.concatenate([one.test for one in splits])) == list(range(len(labels)))
    sizes = [len(one.test) for one in splits]
    assert max(sizes) - min(sizes) <= 1
    for label in "abc":
        rows = [sum(labels[row] == label for row in one.test) for one in splits]
        assert max(rows) - min(rows) <= 1
    for one in splits:
        assert sorted([*one.train, *one.valid, *one.test]) == list(range(len(labels)))
        assert len(one.valid)


def test_groups_stay_together_and_are_even():
    groups = np.repeat(np.arange(30), 5)
    frame = pl.DataFrame({"y": np.arange(150) % 2, "who": groups})
    for one in fold_splits(frame, profile(group_column="who"), 5).splits:
        parts = [set(groups[rows]) for rows in (one.train, one.valid, one.test)]
        assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
        assert len(one.test) == 30


def test_time_is_learned_from_before():
    frame = pl.DataFrame({"y": np.arange(120.0), "when": np.arange(120) // 2})
    splits = fold_splits(frame, profile("regression", time_column="when"), 4).splits
    when = frame["when"].to_numpy()
    for one in splits:
        assert when[one.train].max() < when[one.valid].min()
        assert when[one.valid].max() < when[one.test].min()
    assert [len(one.test) for one in splits] == [24] * 4
    assert min(row for one in splits for row in one.test) == 24


@pytest.mark.parametrize(
    ("frame", "columns", "words"),
    [
        ({"y": [0, 1]}, {}, "too few for 3 folds"),
        ({"y": [0] * 20 + [1] * 2}, {}, "The class '1' of y has 2 rows, fewer than the 3 folds"),
        ({"y": [0, 1] * 10, "g": [0, 1] * 10}, {"group_column": "g"}, "has 2 groups"),
        ({"y": [0, 1] * 10, "t": [0, 1] * 10}, {"time_column": "t"}, "has 2 different times"),
    ],
)
def test_what_cannot_be_divided_is_refused(frame, columns, words):
    with pytest.raises(InputError, match=words):
        fold_splits(pl.DataFrame(frame), profile(**columns), 3)
