from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import goodfit
from goodfit import InputError, TableAnalysis
from goodfit.data.analysis.text import association_words
from goodfit.messages import LANGUAGES

RANDOM = np.random.default_rng(0)
CELLS = [
    "",
    "NA",
    "1",
    "2.5",
    "-999",
    "1e300",
    "a",
    "A ",
    "yes",
    "no",
    "2020-01-01",
    "12 kg",
    "{0}",
    "\x1b[31m",
    "é🙂",
]


def rentals(rows: int = 400) -> pl.DataFrame:
    casual, registered = RANDOM.poisson(20, rows), RANDOM.poisson(90, rows)
    return pl.DataFrame(
        {
            "instant": range(1, rows + 1),
            "casual": casual,
            "registered": registered,
            "temp": RANDOM.normal(15, 8, rows).round(1),
            "place": "Rome",
            "sky": RANDOM.choice(["clear", "Clear", "rain"], rows),
            "note": [None if RANDOM.random() < 0.7 else "late" for _ in range(rows)],
            "cnt": casual + registered,
        }
    )


def codes(analysis: TableAnalysis) -> set[str]:
    return {remark.code.partition(".remark.")[2] or remark.code for remark in analysis.remarks}


def test_what_is_worth_a_look_is_told_first():
    found = goodfit.profile(rentals(), "cnt")
    assert found.rows == 400
    assert (found.task, found.targets[0].name) == ("regression", "cnt")
    assert {"leak-sum", "notes.profile.alike", "mostly-missing"} <= codes(found)
    assert {"notes.profile.dropped-identifier", "notes.profile.dropped-constant"} <= codes(found)
    assert next(iter(found.remarks)).code.startswith("profile.remark.leak")
    assert "casual + registered" in found.to_text()
    assert found.complete_rows == rentals().drop_nulls().height or found.complete_rows > 0


def test_classes_with_their_shares_and_imbalance():
    frame = pl.DataFrame({"x": RANDOM.normal(size=300), "y": ["no"] * 285 + ["yes"] * 15})
    found = goodfit.profile(frame, "y")
    assert found.targets[0].column.facts["levels"] == [["no", 285], ["yes", 15]]
    assert "imbalance" in codes(found)
    assert "Always saying 'no' would be right in 95.0% of the rows." in found.to_text()
    assert "imbalance" not in codes(goodfit.profile(frame.with_columns(y=pl.int_range(300) % 2), "y"))


def test_a_misspelled_class_is_noticed():
    frame = pl.DataFrame({"x": RANDOM.normal(size=100), "pet": ["cat"] * 50 + ["dog"] * 49 + ["dgo"]})
    found = next(each for each in goodfit.profile(frame, "pet").remarks if each.code.endswith("class-typo"))
    assert found.values == {"value": "dgo", "count": 1, "nearest": "dog"}
    assert "class-typo" not in codes(goodfit.profile(frame[:99], "pet"))


def test_without_a_target_only_the_columns_are_looked_at():
    found = goodfit.profile(rentals())
    assert found.targets == ()
    assert all(column.association is None for column in found.columns)
    assert not any(code.startswith("leak") for code in codes(found))


def test_several_targets_and_rows_without_one():
    frame = rentals().with_columns(pl.when(pl.int_range(pl.len()) > 9).then("casual").alias("casual"))
    found = goodfit.profile(frame, ["casual", "registered"])
    assert [column.name for column in found.targets] == ["casual", "registered"]
    assert found.rows == 390
    assert any(note.code == "notes.profile.rows-dropped" for note in found.notes)


def test_a_table_of_text_alone_is_looked_at_all_the_same():
    frame = pl.DataFrame(
        {"message": [f"words and words, number {place}" for place in range(50)], "spam": [0, 1] * 25}
    )
    assert goodfit.profile(frame, "spam").columns[0].column.kind == "text"


def test_pandas_arrays_and_files_alike(tmp_path):
    frame = rentals()
    frame.write_csv(tmp_path / "rentals.csv")
    of_file = goodfit.profile(tmp_path / "rentals.csv", "cnt")
    of_pandas = goodfit.profile(pd.read_csv(tmp_path / "rentals.csv"), "cnt", name="rentals.csv")
    assert of_file.to_dict() == of_pandas.to_dict()
    assert (
        goodfit.profile((np.c_[RANDOM.normal(size=(50, 2))], RANDOM.normal(size=50))).targets[0].name
        == "target"
    )


def test_it_is_plain_data_both_ways():
    found = goodfit.profile(rentals(), "cnt", against=rentals())
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert TableAnalysis.from_dict(json.loads(text)) == found
    assert TableAnalysis.from_dict(json.loads(text)).to_text("es") == found.to_text("es")


def test_estimates_are_said_to_be_estimates():
    long = pl.DataFrame({"x": RANDOM.normal(size=30_000), "y": RANDOM.integers(0, 2, 30_000)})
    found = goodfit.profile(long, "y")
    assert found.samples == {"associations": 20_000}
    assert "Estimated on 20,000 rows" in found.to_text()
    assert goodfit.profile(rentals()).samples == {}


def test_wrong_arguments_are_refused_in_a_sentence():
    with pytest.raises(InputError, match="'cnt'"):
        goodfit.profile(rentals(), "cntt")
    with pytest.raises(InputError, match="nowhere"):
        goodfit.profile(rentals(), against="nowhere.csv")


def test_lines_fit_the_width():
    text = goodfit.profile(rentals(), "cnt", against=rentals().with_columns(temp=pl.lit(99.0))).to_text(
        width=80
    )
    assert all(len(line) <= 100 for line in text.splitlines())


def test_many_outlying_columns_make_one_remark():
    values = {f"x{place}": [*RANDOM.normal(size=200), 1000.0] for place in range(8)}
    found = [remark for remark in goodfit.profile(values).remarks if "outliers" in remark.code]
    assert [remark.code for remark in found] == ["profile.remark.outliers-many"]


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(CELLS), min_size=3, max_size=3), min_size=1, max_size=60), st.booleans()
)
def test_any_table_is_looked_at_or_refused_in_a_sentence(rows, with_target):
    frame = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")
    try:
        found = goodfit.profile(frame, "c" if with_target else None, against=frame)
    except InputError:
        return
    for language in LANGUAGES:
        assert found.to_text(language)
    assert TableAnalysis.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


def test_texts_tell_the_target_are_suspected_and_may_be_missing():
    rows = range(600)
    label = [("sold", "kept")[place % 2] for place in rows]
    said = [None if place % 10 == 0 else f"it was {label[place]} on day {place} of year" for place in rows]
    other = [f"nothing {place * 7919 % 1009} to know of {place}" for place in rows]
    found = goodfit.profile({"said": said, "other": other, "x": list(rows), "label": label}, "label")
    shares = {column.name: column.association for column in found.columns}
    assert shares["said"] > 0.5
    assert shares["other"] < 0.02
    assert "texts" in " ".join(association_words(found))
    assert "texts" not in " ".join(association_words(goodfit.profile({"x": list(rows), "y": label}, "y")))
    leaks = [
        remark.values["column"] for remark in found.remarks if remark.code == "profile.remark.leak-class"
    ]
    assert leaks == ["said"]


def test_the_only_column_is_no_leak():
    label = ["sold", "kept"] * 100
    found = goodfit.profile(
        {"said": [f"it was {label[place]} at {place}" for place in range(200)], "label": label}, "label"
    )
    assert not any(remark.code.startswith("profile.remark.leak") for remark in found.remarks)


def test_numbers_are_written_as_in_the_language():
    frame = pl.DataFrame({"x": range(12_345), "y": ["a", "b", "b"] * 4_115})
    spanish = goodfit.profile(frame.with_columns(pl.col("x") * 1.5), "y").to_text("es")
    assert not re.search(r"[0-9],[0-9]{3}", spanish)
    assert "12\u202f345 filas" in spanish
