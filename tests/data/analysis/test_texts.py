from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from goodfit.data.analysis.texts import told_by_texts

RANDOM = np.random.default_rng(0)
WORDS = np.array(["red", "blue", "green", "round", "square", "heavy", "light", "old"])
CODES = RANDOM.integers(0, 8, 800)


def texts(codes: np.ndarray) -> pl.Series:
    return pl.Series("text", [f"a thing {WORDS[code]} number {place}" for place, code in enumerate(codes)])


@pytest.mark.parametrize("classes", [2, 8, 8 * 5])
def test_classes_that_the_words_say_are_told_on_other_rows(classes):
    wanted = (CODES % classes).astype(np.float64)
    said = told_by_texts(texts(CODES), wanted, classes=True)
    predicted = said > 0.5 if classes == 2 else said
    assert (predicted == wanted).mean() > 0.95


def test_numbers_that_the_words_say_are_told_on_other_rows():
    said = told_by_texts(texts(CODES), 3.0 * CODES, classes=False)
    assert np.corrcoef(said, CODES)[0, 1] > 0.95


@pytest.mark.parametrize("rows", [1, 2, 800])
def test_nothing_is_told_where_nothing_is_to_know(rows):
    wanted = RANDOM.normal(size=rows)
    said = told_by_texts(texts(CODES[:rows]), wanted, classes=False)
    assert np.isfinite(said).all()
    assert rows < 3 or abs(np.corrcoef(said, wanted)[0, 1]) < 0.15


def test_missing_and_empty_texts_are_texts_too():
    said = told_by_texts(
        pl.Series("text", [None, "", " ", "ab"] * 5, dtype=pl.String), CODES[:20] * 1.0, classes=False
    )
    assert np.isfinite(said).all()
