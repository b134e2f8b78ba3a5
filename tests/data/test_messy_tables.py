"""Hundreds of tables as bad as they come: a profile or one clear sentence, never anything else."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.data.casting import cast
from goodfit.data.profile import profile
from goodfit.data.read import read
from goodfit.data.table import Profile
from goodfit.errors import InputError

CELLS = [
    "", "NA", "?", "-", "+", " ", "1", "2", "-1.5", "1e300", "inf", "9" * 40, "1,5", "1,234", "1.234,56",
    "12 kg", "€5", "12%", "a", "A ", "b", "yes", "no", "true", "2020-01-01", "01/02/2020", "13/01/2020 10:30",
    "2020-13-45", '"',
    'a"b', "x,y", "x;y", "two\nlines", "é", "日本", "🙂", "\u00a0", "0012", "00012", "None",
    "null", "٣", "\t", "lorem ipsum dolor sit amet " * 3, "\r", "{0}", "%s", "\ufeff", "0x10", "1e-400", "..",
]  # fmt: skip
NAMES = [
    "a",
    "b",
    "A",
    "",
    " a",
    "x y",
    "id",
    "date",
    "1",
    '"q"',
    "a,b",
    "two\nlines",
    "é",
    "x" * 300,
    "{count}",
    "\ufeff",
]


def _said_in_both_languages(refused: InputError) -> None:
    assert refused.text("en")
    assert refused.text("es")


@st.composite
def tables(draw) -> bytes:
    rows = draw(st.sampled_from([0, 3, 25, 60]))
    columns = []
    for _ in range(draw(st.integers(1, 5))):
        pool = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=5))
        random = draw(st.randoms(use_true_random=False))
        numbers = draw(st.booleans())
        columns.append(
            [
                str(random.random()) if numbers and random.random() < 0.9 else random.choice(pool)
                for _ in range(rows)
            ]
        )
    names = draw(st.lists(st.sampled_from(NAMES), min_size=len(columns), max_size=len(columns)))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    quoted = draw(st.sampled_from(["all", "needed", "none"]))

    def field(text: str) -> str:
        if quoted == "none" or (quoted == "needed" and not set(text) & set(delimiter + '"\n\r')):
            return text
        return '"' + text.replace('"', '""') + '"'

    lines = [delimiter.join(map(field, line)) for line in [names, *zip(*columns, strict=True)]]
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "cp1252"])), "replace")
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


@given(
    data=tables(),
    choice=st.integers(0, 4),
    task=st.sampled_from([None, None, "regression", "classification"]),
)
@settings(max_examples=400)
def test_a_messy_file_becomes_a_profile_or_one_sentence(tmp_path_factory, data, choice, task):
    path = tmp_path_factory.getbasetemp() / "messy.csv"
    path.write_bytes(data)
    try:
        table = read(path)
        target = table.frame.columns[choice % table.frame.width]
        found = profile(table, target, task=task)
        typed = cast(table, found)
    except InputError as refused:
        _said_in_both_languages(refused)
        return
    for message in [*table.notes, *found.notes, *typed.notes, *(column.reason for column in found.columns)]:
        assert message.text("es")
    assert Profile.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert typed.frame.height == found.rows
    assert cast(table, found, target=False).frame.height == table.frame.height
    assert typed.frame[target].null_count() == 0
    for column in found.used:
        series = typed.frame[column.name]
        assert series.null_count() == column.missing
        if column.kind == "number":
            assert series.dtype.is_numeric()
            assert not series.dtype.is_float() or series.is_finite().fill_null(True).all()
        elif column.kind == "category":
            assert series.dtype in (pl.String, pl.Categorical)
        else:
            assert series.dtype == (pl.Boolean if column.kind == "boolean" else pl.Datetime("us"))


@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()), min_size=1
    )
)
@settings(max_examples=200)
def test_columns_of_anything_are_read(values):
    frame = read({"a": values, "b": range(len(values))}).frame
    assert frame.height == len(values)
    if frame["a"].dtype.is_float():
        assert frame["a"].is_finite().fill_null(True).all()


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_bytes_are_a_table_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(data)
    try:
        assert read(path).frame.height > 0
    except InputError as refused:
        _said_in_both_languages(refused)


def test_ten_thousand_columns_are_typed():
    frame = pl.DataFrame({f"c{place}": [place + row / 3 for row in range(24)] for place in range(2000)})
    found = profile(read(frame), "c7")
    assert len(found.used) == 1999


@pytest.mark.parametrize("rows", [40, 2000])
def test_whole_numbers_of_forty_digits_are_codes(tmp_path, rows):
    path = tmp_path / "long.csv"
    lines = [f"{10**39 + place},{place % 2},{place / 7}" for place in range(rows)]
    path.write_text("account,y,x\n" + "\n".join(lines), "utf-8")
    assert profile(read(path), "y").columns[0].kind == "identifier"
