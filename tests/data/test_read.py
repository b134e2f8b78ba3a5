"""Reading: what a file or an object holds arrives unchanged, and what is no table is refused."""

from __future__ import annotations

import csv
import datetime
import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.data.missing import NULL_SPELLINGS
from goodfit.data.read import read
from goodfit.errors import InputError


@pytest.fixture
def write(tmp_path: Path):
    def written(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def codes(table) -> list[str]:
    return [note.code for note in table.notes]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_recognised(write, delimiter):
    path = write(f"name{delimiter}size\n'a, b; c'{delimiter}1\nd{delimiter}2\ne{delimiter}3\n")
    if delimiter in ",;":
        path = write(f"name{delimiter}size\nab{delimiter}1\nd{delimiter}2\n")
    table = read(path)
    assert table.frame.columns == ["name", "size"]
    assert table.frame.schema["size"] == pl.Int64
    assert ("notes.read.delimiter" in codes(table)) == (delimiter != ",")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1"]
)
def test_the_encoding_is_recognised(write, encoding):
    table = read(write("ciudad,año\nLogroño,1\nCádiz,2\n".encode(encoding)))
    assert table.frame.to_dict(as_series=False) == {"ciudad": ["Logroño", "Cádiz"], "año": [1, 2]}
    assert ("notes.read.encoding" in codes(table)) == (encoding in ("cp1252", "latin-1"))


def test_an_encoding_that_shows_only_at_the_end_is_recognised(write):
    table = read(write(("a,b\n" + "x,1\n" * 200_000 + "é,2\n").encode("cp1252")))
    assert table.frame["a"].cast(pl.String)[-1] == "é"
    assert table.frame["b"].dtype == pl.Int64
    assert "notes.read.encoding" in codes(table)


def test_gzipped_text_is_read(write):
    assert read(write(gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0), "table.csv.gz")).frame.rows() == [
        (1, 2),
        (3, 4),
    ]


def test_a_decimal_comma_is_recognised_with_and_without_thousands(write):
    table = read(write("preis;menge\n1.234,5;1.000\n2.000,25;2.500\n"))
    assert table.frame.rows() == [(1234.5, 1000.0), (2000.25, 2500.0)]
    assert "notes.read.decimal-comma" in codes(table)


def test_a_decimal_point_stays_one_in_a_file_of_semicolons(write):
    table = read(write("density;quality\n0.998;5\n1.001;6\n"))
    assert table.frame.rows() == [(0.998, 5), (1.001, 6)]


MPG = """18.0   8   307.0      130.0      3504.      12.0   70  1\t"chevrolet chevelle malibu"
15.0   8   350.0      165.0      3693.      11.5   71  1\t"buick skylark 320"
18.0   8   318.0      ?          3436.      11.0   70  1\t"plymouth satellite"
16.0   8   304.0      150.0      3433.      12.0   70  1\t"amc rebel sst"
"""


def test_blanks_may_separate_the_columns(write):
    table = read(write("mpg  weight name\n18.0    3504  'a'\n15.0  ?  \"b c\"\n36.1    1800 d\n 9 1 e\n"))
    assert table.frame["weight"].to_list() == [3504, None, 1800, 1]
    assert table.frame["name"].to_list() == ["'a'", "b c", "d", "e"]
    assert "notes.read.blanks" in codes(table)


def test_a_file_without_names_as_uci_ships_it_says_so(write):
    table = read(write(MPG))
    assert table.frame.shape == (3, 9)
    assert {"notes.read.blanks", "notes.read.header-numbers"} <= set(codes(table))


@pytest.mark.parametrize(
    "text",
    [
        "a b\tc d\n1 2\t3\n4\t5\n6\t7\n",
        "full name\nAna Mora\nJuan Paz\nEva Sol\n",
        "a b,c d\n1 2,3 4\n5 6,7 8\n9 1,2 3\n",
        "price\n1 000\n2 000\n3 000\n",
    ],
)
def test_blanks_within_values_separate_nothing(write, text):
    assert "notes.read.blanks" not in codes(read(write(text)))


def test_blanks_after_delimiters_and_spellings_of_missing_do_not_count(write):
    table = read(write("age, work, pay\n39, Private, 1.5\n ?, ?, NA\n 12,Self ,-\n"))
    assert table.frame.columns == ["age", "work", "pay"]
    assert table.frame.rows() == [(39, "Private", 1.5), (None, None, None), (12, "Self", None)]
    assert table.notes[0].text() == "Read as missing: '-', '?', 'NA'."


@pytest.mark.parametrize("spelling", NULL_SPELLINGS[1:])
def test_every_null_spelling_is_missing_among_numbers_and_texts(write, spelling):
    frame = read(write(f"a,b\n1,x\n{spelling},{spelling}\n3,y\n")).frame
    assert frame["a"].to_list() == [1, None, 3]
    assert frame["b"].to_list() == ["x", None, "y"]


def test_a_minus_beside_a_plus_is_a_sign_and_none_among_texts_a_text(write):
    frame = read(write("class,kind\n+,None\n-,x\n+,None\n")).frame
    assert frame["class"].to_list() == ["+", "-", "+"]
    assert frame["kind"].to_list() == ["None", "x", "None"]


def test_told_null_spellings_replace_the_usual_ones(write):
    frame = read(write("a,b\n-9,NA\n1,x\n"), null_values=["-9"]).frame
    assert frame.rows() == [(None, "NA"), (1, "x")]


def test_quoted_delimiters_newlines_and_blanks_before_quotes(write):
    table = read(write('a, b\n"x\ny", "z, w"\nq,"say ""hi"""\n'))
    assert table.frame.rows() == [("x\ny", "z, w"), ("q", 'say "hi"')]


def test_quotes_that_are_inches_are_ordinary_characters(write):
    assert read(write('a,b\n5" pipe,2\n3" x,4\n')).frame.rows() == [('5" pipe', 2), ('3" x', 4)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_blank_lines(write, end):
    assert read(write(end.join(["a,b", "1,x", "", "2,y", "", ""]))).frame.rows() == [(1, "x"), (2, "y")]


def test_codes_keep_their_leading_zeros_also_where_told(write):
    path = write("zip,n,room\n01234,1,7\n98765,2,8\n00010,3,9\n")
    table = read(path, columns={"room": "category"})
    assert table.frame["zip"].to_list() == ["01234", "98765", "00010"]
    assert table.frame["room"].to_list() == ["7", "8", "9"]
    assert table.frame["n"].dtype == pl.Int64


@pytest.mark.parametrize(("late", "value"), [("2.5", 2.5), ("NA", None), ("inf", None), ("9" * 40, None)])
def test_what_the_sample_did_not_show_is_read_all_the_same(write, late, value):
    frame = read(write("a,b\n" + "x,1\n" * 150_000 + f"x,{late}\n" + "x,1\n" * 150_000)).frame
    assert frame["b"].dtype.is_numeric()
    assert frame["b"][150_000] == value
    assert frame["b"].null_count() == (value is None)


def test_infinite_and_huge_numbers_are_missing_with_a_note(write):
    table = read(write("a,b\ninf,1\n1e300,2\n-1e39,3\n0.5,4\n"))
    assert table.frame["a"].to_list() == [None, None, None, 0.5]
    assert table.notes[0].values == {"column": "a", "count": 3}


def test_columns_without_a_name_are_given_one(write):
    table = read(write(",a,\n0,1,\n1,2,\n"))
    assert table.frame.columns == ["column_1", "a", "column_3"]
    assert "notes.read.unnamed" in codes(table)


def test_short_rows_are_filled_up_with_a_note(write):
    table = read(write("a,b,c\n1,2\n3,4,5\n"))
    assert table.frame.rows() == [(1, 2, None), (3, 4, 5)]
    assert "notes.read.short-rows" in codes(table)


def test_the_hash_is_that_of_the_file(write):
    path = write("a,b\n1,2\n")
    source = read(path).source
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (source.name, source.path, source.container) == ("table.csv", str(path), "file")


def test_parquet_is_read(tmp_path):
    frame = pl.DataFrame({"a": [1, 2], "s": [" x", "?"], "l": [[1], [2]]})
    frame.write_parquet(tmp_path / "t.parquet")
    table = read(tmp_path / "t.parquet")
    assert table.frame.to_dict(as_series=False) == {"a": [1, 2], "s": ["x", None]}
    assert "notes.read.nested" in codes(table)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "read.empty"),
        (b"\n\n  \n", "read.empty"),
        (b"a,b\n", "read.no-rows"),
        (b"a,b\n\n", "read.no-rows"),
        (b"a,b,a\n1,2,3\n", "read.duplicate-columns"),
        (b"a,b\n1,2\n3,4,5\n6,7\n", "read.ragged"),
        (bytes(range(256)), "read.binary"),
        (b"PK\x03\x04rest", "read.other-format"),
        (b"PAR1rest", "read.broken-parquet"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "read.broken-gzip"),
    ],
)
def test_what_is_no_table_is_refused(write, content, code):
    with pytest.raises(InputError) as raised:
        read(write(content))
    assert raised.value.code == code
    assert "table.csv" in str(raised.value)


def test_a_ragged_row_is_named_by_its_line(write):
    with pytest.raises(InputError, match=r"Line 4 of table\.csv has 3 fields, but there are 2 columns"):
        read(write('a,b\n1,"x\ny"\n3,4,5\n'))


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no file .*nowhere.csv"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="is a folder"):
        read(tmp_path)


@pytest.mark.parametrize(
    "options", [{"encoding": "utf-99"}, {"encoding": "ascii"}, {"delimiter": ",,"}, {"decimal": "x"}]
)
def test_wrong_options_are_refused(write, options):
    with pytest.raises(InputError):
        read(write("ciudad,b\nCádiz,2\n"), **options)


def test_pandas_frames_of_every_type_arrive(write):
    frame = pd.DataFrame(
        {
            "n": [1.0, float("nan")],
            "i": pd.array([1, None], dtype="Int64"),
            "s": [" x", None],
            "c": pd.Categorical(["u", None]),
            "d": pd.to_datetime(["2020-01-01", None]),
            "z": pd.to_datetime(["2020-01-01 02:00+02:00"] * 2, utc=True),
            "b": [True, False],
            "o": [1, "a"],
        },
        index=[7, 9],
    )
    table = read(frame)
    day = datetime.datetime(2020, 1, 1)
    assert table.frame.rows() == [
        (1.0, 1, "x", "u", day, day, True, "1"),
        (None, None, None, None, None, day, False, "a"),
    ]
    assert table.source.container == "pandas"


def test_arrays_lists_and_tensors_make_the_same_table():
    x, y = [[1.0, 2.0], [3.0, 4.0]], [0, 1]
    tables = [
        read((x, y)),
        read((np.array(x), np.array(y))),
        read((torch.tensor(x).double(), torch.tensor(y))),
    ]
    for table in tables:
        assert table.frame.to_dict(as_series=False) == {"x1": [1.0, 3.0], "x2": [2.0, 4.0], "target": [0, 1]}
        assert table.targets == ("target",)
        assert table.source.container == "array"
    assert len({table.source.sha256 for table in tables}) == 1
    assert read((x, x)).targets == ("target1", "target2")


def test_the_hash_of_a_frame_is_that_of_its_content():
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "yz"]})
    same = pl.concat([frame[:1], frame[1:]], rechunk=False).lazy()
    assert read(frame).source.sha256 == read(same).source.sha256
    other = frame.with_columns(b=pl.Series(["xy", "z"]))
    assert read(frame).source.sha256 != read(other).source.sha256


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"a": [1], "b": [1, 2]}, "read.unequal-columns"),
        ({"a": 1}, "read.not-a-column"),
        (([[1.0]], [1, 2]), "read.unequal-lengths"),
        (np.zeros((2, 2, 2)), "read.not-two-dimensional"),
        (np.zeros((2, 2), complex), "read.unsupported-array"),
        ([[1, 2], [3]], "read.ragged-array"),
        (object(), "read.unknown-type"),
        (pl.DataFrame(), "read.no-columns"),
        ({"a": []}, "read.no-rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "read.duplicate-columns"),
    ],
)
def test_data_in_memory_that_are_no_table_are_refused(data, code):
    with pytest.raises(InputError) as raised:
        read(data)
    assert raised.value.code == code


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=8
)
fields = st.one_of(texts, st.sampled_from(["a,b", "x;y", 'say "hi"', "two\nlines", "tab\there", "Ávila"]))


@given(
    rows=st.lists(st.tuples(fields, fields, st.integers(-999, 999)), min_size=2, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=150, deadline=None)
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows, delimiter, quoting, end):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([("first", "second", "number"), *(("v" + a, "w" + b, c) for a, b, c in rows)])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text(out.getvalue(), "utf-8", newline="")
    frame = read(path, delimiter=delimiter).frame
    assert frame["number"].to_list() == [c for _, _, c in rows]
    assert frame["first"].to_list() == ["v" + a for a, _, _ in rows]
    assert frame["second"].to_list() == ["w" + b for _, b, _ in rows]
