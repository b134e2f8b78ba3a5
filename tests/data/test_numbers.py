"""Numbers written as text: what each way of writing them means, and what is no number."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.numbers import NumberFormat, parse_numbers, recognise_numbers


def found_and_read(texts, decimal="."):
    series = pl.Series(texts, dtype=pl.String)
    found = recognise_numbers(series, pl.Series([1] * len(texts)), decimal)
    return found, (parse_numbers(series, found.format).to_list() if found else None)


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1,5", "2,25"], [1.5, 2.25]),
        (["0,123", "1,234"], [0.123, 1.234]),
        (["1,234,567", "1,234"], [1234567.0, 1234.0]),
        (["1.248,50 €", "12,00 €"], [1248.5, 12.0]),
        (["$1,200.50", "$3"], [1200.5, 3.0]),
        (["12 kg", "9kg"], [12.0, 9.0]),
        (["12%", "5 %"], [12.0, 5.0]),
        (["1 234,5", "2"], [1234.5, 2.0]),
        (["1\u202f234", "2"], [1234.0, 2.0]),
        (["1'234.5", "3"], [1234.5, 3.0]),
        (["+3", "-4", "−5", "1e3", ".5", "6."], [3.0, -4.0, -5.0, 1000.0, 0.5, 6.0]),
    ],
)
def test_numbers_are_read_however_they_are_written(texts, numbers):
    found, read = found_and_read(texts)
    assert read == numbers
    assert found.share == 1.0


def test_a_lone_group_of_three_digits_is_read_by_the_files_decimal_sign_and_is_ambiguous():
    assert found_and_read(["1,234", "5,678"])[1] == [1234.0, 5678.0]
    assert found_and_read(["1,234", "5,678"])[0].ambiguous
    assert found_and_read(["1,234", "5,678"], ",")[1] == [1.234, 5.678]


@pytest.mark.parametrize(
    "texts",
    [["A12", "B3"], ["3C", "4C"], ["2011-01-01"], ["1/2"], ["..", "."], ["1,2,3"], ["٣"], ["00123", "00124"],
     ["1234567890123456789012", "2234567890123456789012"], ["12:30", "13:45"], ["10-20", "20-30"]],
)  # fmt: skip
def test_codes_ranges_and_dates_are_no_numbers(texts):
    assert found_and_read(texts)[0] is None


def test_codes_that_are_told_to_be_numbers_are_numbers():
    long = pl.Series(["1234567890123456789012", "2234567890123456789012"])
    found = recognise_numbers(long, pl.Series([1, 1]), told=True)
    assert parse_numbers(long, found.format).to_list() == [1234567890123456789012.0, 2234567890123456789012.0]


def test_words_for_missing_do_not_count_against_numbers():
    found, read = found_and_read(["1", "2", "unknown", "None"])
    assert found.share == 1.0
    assert read == [1.0, 2.0, None, None]


@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1),
    st.sampled_from([("", "."), (",", "."), (".", ","), (" ", ",")]),
)
def test_a_format_reads_what_is_written_in_it(numbers, written):
    thousands, decimal = written
    texts = [
        f"{number / 4:,.2f}".replace(",", "t").replace(".", decimal).replace("t", thousands)
        for number in numbers
    ]
    read = parse_numbers(pl.Series(texts), NumberFormat(decimal, thousands))
    assert read.to_list() == [number / 4 for number in numbers]


def test_a_format_goes_to_json_and_back():
    form = NumberFormat(",", ".", "kg")
    assert NumberFormat.from_dict(form.to_dict()) == form
