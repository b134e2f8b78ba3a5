"""Texts become a few numbers, the same ones wherever and beside whatever they stand."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles_for_tests import profile_of
from scipy.sparse import coo_array
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

import goodfit
from goodfit.data import text_vectors
from goodfit.data.applying import apply_preparation
from goodfit.data.describing import describe
from goodfit.data.fitting import fit_preparation
from goodfit.data.preparation import BUCKETS, Preparation, TextColumn
from goodfit.data.text_vectors import character_runs, fit_text, text_numbers
from goodfit.errors import InputError

FRUIT = ("ripe apple", "sour apples", "red cherry", "cherry pie", "apple pie", "cherries in syrup")
TOOLS = ("steel hammer", "claw hammers", "long saw", "saw blade", "hammer drill", "drilling machine")


def words(rows: int, seed: int = 0) -> tuple[pl.Series, np.ndarray]:
    """Return descriptions of fruit and of tools, and which are of fruit."""
    random = np.random.default_rng(seed)
    fruit = random.random(rows) < 0.5
    texts = [
        f"{random.choice(FRUIT if sweet else TOOLS)}, lot {random.integers(10_000)} of {random.integers(99)}"
        for sweet in fruit
    ]
    return pl.Series("t", texts), fruit


TEXTS, _ = words(400)
FITTED = fit_text(TEXTS)


def test_runs_are_those_of_a_naive_count() -> None:
    texts = [" abcab ", " x ", "", " ñandú 🙂 abc "]
    rows, buckets = character_runs(pl.Series(texts))
    naive = [
        (row, text[start : start + length])
        for row, text in enumerate(texts)
        for length in (3, 4, 5)
        for start in range(len(text) - length + 1)
    ]
    assert np.bincount(rows, minlength=4).tolist() == [sum(row == n for row, _ in naive) for n in range(4)]
    different = len({run for _, run in naive})
    assert len(np.unique(buckets)) == different  # none of these few share a bucket
    assert buckets.min() >= 0
    assert buckets.max() < BUCKETS


def test_it_is_what_scikit_learn_makes_of_the_same_counts() -> None:
    rows, buckets = character_runs(" " + TEXTS + " ")
    counts = coo_array((np.ones(len(rows)), (rows, buckets)), shape=(len(TEXTS), BUCKETS)).tocsr()
    frequent = np.flatnonzero(np.asarray((counts > 0).sum(axis=0)).ravel() >= 2)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, frequent])
    svd = TruncatedSVD(len(FITTED.components), n_iter=4, random_state=0)
    expected = svd.fit_transform(weighted)
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0).max()
    np.testing.assert_array_equal(FITTED.buckets, frequent)
    found = text_numbers(FITTED, TEXTS)
    expected *= np.sign((found * expected).sum(axis=0))  # a singular vector's sign means nothing
    np.testing.assert_allclose(found, expected, atol=2e-3)


@given(st.lists(st.none() | st.text(max_size=30) | st.sampled_from(FRUIT), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_a_text_becomes_the_same_numbers_alone_and_beside_others(texts: list[str | None]) -> None:
    together = text_numbers(FITTED, pl.Series(texts, dtype=pl.String))
    alone = [text_numbers(FITTED, pl.Series([text], dtype=pl.String))[0] for text in texts]
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_case_and_blanks_do_not_count_and_a_missing_text_is_an_empty_one() -> None:
    numbers = text_numbers(FITTED, pl.Series([" Ripe \n APPLE ", "ripe apple", "", None]))
    np.testing.assert_array_equal(numbers[0], numbers[1])
    np.testing.assert_array_equal(numbers[2], numbers[3])


def test_parts_join_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = text_numbers(FITTED, TEXTS)
    monkeypatch.setattr(text_vectors, "CHARACTERS_AT_ONCE", 100)
    np.testing.assert_allclose(text_numbers(FITTED, TEXTS), whole, atol=1e-12)
    assert fit_text(TEXTS).buckets == FITTED.buckets


@pytest.mark.parametrize("texts", [[None, None], ["", ""], ["abc"], ["a", "b", None], ["\n", "\x00"]])
def test_texts_that_say_nothing_become_no_number(texts: list[str | None]) -> None:
    column = fit_text(pl.Series("t", texts, dtype=pl.String))
    assert column.outputs == ()
    assert text_numbers(column, pl.Series(["anything", None])).shape == (2, 0)


def test_only_training_rows_count() -> None:
    frame = pl.DataFrame({"t": [*TEXTS, *["entirely different"] * 400], "y": np.arange(800.0)})
    (column,) = fit_preparation(frame, profile_of({"t": "text"}), np.arange(400)).columns
    assert column == FITTED


def prepared(share_missing: float = 0.1) -> Preparation:
    gone = np.random.default_rng(1).random(400) < share_missing
    texts = [None if lost else text for lost, text in zip(gone, TEXTS, strict=True)]
    frame = pl.DataFrame({"t": texts, "x": np.arange(400.0), "y": np.arange(400.0)})
    return fit_preparation(frame, profile_of({"t": "text", "x": "number"}), np.arange(400))


def test_it_is_a_part_of_the_preparation() -> None:
    preparation = prepared()
    assert preparation.number_names[:2] == ("t.1", "t.2")
    assert preparation.number_names[-2:] == ("t.missing", "x")
    new = pl.DataFrame({"t": ["ripe apple", None], "x": [1.0, 2.0]})
    inputs = apply_preparation(preparation, new)
    assert inputs.numbers[:, -2].tolist() == [0, 1]
    again = Preparation.from_json(preparation.to_json())
    assert again == preparation
    np.testing.assert_array_equal(apply_preparation(again, new).numbers, inputs.numbers)
    said = [note.message.text() for note in describe(preparation) if note.column == "t"]
    assert said[0] == "short text: 8 numbers made of its runs of 3 to 5 characters (hashed, reduced by SVD)"
    assert "count as empty texts" in said[1]


@pytest.mark.parametrize(
    "change",
    [
        {"buckets": [1, 0]},
        {"weights": [1.0]},
        {"components": [[1.0]]},
        {"center": [0.0]},
        {"scale": 0.0},
        {"buckets": [-1] * 10},
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, object]) -> None:
    data = json.loads(prepared().to_json())
    data["columns"][0].update(change)
    with pytest.raises(InputError, match="is damaged"):
        Preparation.from_json(json.dumps(data))


def test_a_network_learns_from_texts_alone_and_predicts_from_a_saved_run(tmp_path) -> None:
    texts, fruit = words(600, seed=3)
    frame = pl.DataFrame({"t": texts, "fruit": np.where(fruit, "yes", "no")})
    run = goodfit.train(
        frame, target="fruit", epochs=20, hidden=(16,), learning_rate=0.01, folder=tmp_path / "run"
    )
    assert run.evaluation.metrics["accuracy"].value > 0.95
    new = pl.DataFrame({"t": ["apple cherry", "hammer and saw", None]})
    predicted = goodfit.load(tmp_path / "run").predict(new)["prediction"].to_list()
    assert predicted[:2] == ["yes", "no"]
    (column,) = run.table.preparation.columns
    assert isinstance(column, TextColumn)
