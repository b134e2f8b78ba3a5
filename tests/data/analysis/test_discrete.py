from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from goodfit.data.analysis.discrete import bins_for, discrete, entropy, shared_information, some_rows

codes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=60)


@given(codes)
def test_information_lies_between_nothing_and_the_smaller_entropy(pairs):
    first, second = (np.array(column) for column in zip(*pairs, strict=True))
    shared = shared_information(first, second)
    assert 0 <= shared <= min(entropy(first), entropy(second)) + 1e-12
    assert shared == pytest.approx(shared_information(second, first))


def test_information_is_that_of_scikit_learn_less_what_chance_makes():
    random = np.random.default_rng(0)
    first = random.integers(0, 5, 5000)
    second = (first + random.integers(0, 3, 5000)) % 5
    plain = mutual_info_score(first, second)
    assert shared_information(first, second) == pytest.approx(plain - 16 / 10_000 + 10 / 10_000, abs=2e-3)
    unrelated = random.integers(0, 5, 5000)
    assert (
        shared_information(first, unrelated) < 1e-3 < mutual_info_score(first, random.permutation(first)) * 2
    )


def test_a_value_that_most_rows_share_is_not_put_with_those_above():
    codes = discrete(pl.Series([0.0] * 97 + [1.0, 2.0, 3.0]), bins=2)
    assert codes[0] != codes[-1]


def test_missing_values_have_a_code_of_their_own():
    assert len(set(discrete(pl.Series([1.0, 2.0, None]), 10).tolist())) == 3
    assert len(set(discrete(pl.Series(["a", "b", None]), 10).tolist())) == 3
    assert len(set(discrete(pl.Series([True, False, None]), 10).tolist())) == 3


def test_rare_values_share_a_code():
    texts = pl.Series(["a"] * 20 + [f"rare {i}" for i in range(5)])
    assert len(set(discrete(texts, 50, fewest=10).tolist())) == 2
    assert len(set(discrete(texts, 3).tolist())) == 4


def test_rows_are_drawn_alike_each_time_and_in_order():
    rows = some_rows(1000, 100)
    assert rows.tolist() == some_rows(1000, 100).tolist() == sorted(set(rows.tolist()))
    assert len(rows) == 100
    assert some_rows(5, 100).tolist() == [0, 1, 2, 3, 4]
    assert bins_for(10) == 2
