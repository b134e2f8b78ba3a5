"""Categories that differ by case and blanks alone are one, unless the user says otherwise."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.casting import cast
from goodfit.data.missing import different_texts
from goodfit.data.profile import profile
from goodfit.data.read import read
from goodfit.data.spellings import plain, spellings_alike, with_one_spelling

CITIES = ["Lima", "lima", "LIMA ", "Lima", "Quito", "New  York", "new york", "a", "A", None] * 5
FRAME = pl.DataFrame({"city": CITIES, "y": [0, 1] * 25})


def test_they_become_the_most_frequent_spelling_and_it_is_said():
    table = read(FRAME)
    found = profile(table, "y")
    (column,) = found.columns
    assert (column.kind, column.distinct) == ("category", 5)
    typed = cast(table, found).frame["city"]
    assert set(typed.drop_nulls()) == {"Lima", "Quito", "New  York", "a", "A"}
    note = next(note for note in found.notes if note.code == "notes.profile.alike")
    assert "'Lima'" in note.text()
    assert "city=category" in note.text("es")
    new = cast(read({"city": ["LiMa", "quito", "Oslo", "NEW YORK"]}), found, target=False)
    assert new.frame["city"].to_list() == ["Lima", "quito", "Oslo", "New  York"]


def test_a_column_told_to_be_a_category_keeps_them_apart():
    table = read(FRAME)
    found = profile(table, "y", columns={"city": "category"})
    assert found.columns[0].distinct == 8
    assert cast(table, found).frame["city"].n_unique() == 9


@given(st.lists(st.none() | st.sampled_from(["ab", "AB", "abc", "ABC", "Abc ", "a  bc", "A BC"]) | st.text()))
def test_only_spelling_changes(texts):
    series = pl.Series(texts, dtype=pl.String)
    alike = spellings_alike(*different_texts(series))
    same = with_one_spelling(series, alike)
    assert same.is_null().to_list() == series.is_null().to_list()
    assert plain(same).to_list() == plain(series).to_list()
    assert same.n_unique() <= series.n_unique()
    assert with_one_spelling(same, alike).to_list() == same.to_list()
    categorical = with_one_spelling(series.cast(pl.Categorical), alike)
    assert categorical.cast(pl.String).to_list() == same.to_list()
