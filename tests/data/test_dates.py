"""Dates written as text: which format is recognised, and that it reads back what was written."""

from __future__ import annotations

import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.dates import DATE_FORMATS, parse_dates, recognise_dates


def recognise(texts):
    series = pl.Series(texts, dtype=pl.String)
    return recognise_dates(series, pl.Series([1] * len(texts)), series)


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["2011-01-01", "2011-02-13"], ("%Y-%m-%d",)),
        (["2011-01-01 10:30:00", "2011-02-13T09:05"], ("%Y-%m-%d",)),
        (["1/1/11", "1/13/11"], ("%m/%d/%y",)),
        (["1/1/2011", "13/1/2011"], ("%d/%m/%Y",)),
        (["31.12.2020", "1.1.21"], ("%d.%m.%Y", "%d.%m.%y")),
        (["Mar 3, 2019", "March 13, 2020"], ("%B %d, %Y",)),
        (["20190312", "20200101"], ("%Y%m%d",)),
        (["2011-01-01", "13/02/2011", "3 Mar 2019"], ("%Y-%m-%d", "%d/%m/%Y", "%d %b %Y")),
    ],
)
def test_formats_are_recognised(texts, formats):
    found = recognise(texts)
    assert (set(found.formats), found.share, found.ambiguous) == (set(formats), 1.0, False) or (
        "%B" in formats[0] and found.formats[0] in ("%B %d, %Y", "%b %d, %Y")
    )


def test_the_order_of_day_and_month_is_told_by_the_order_of_the_rows():
    found = recognise(["01/02/2020", "02/02/2020", "01/03/2020"])
    assert (found.formats, found.ambiguous) == (("%d/%m/%Y",), True)


def test_slashes_are_month_first_and_dashes_day_first_where_nothing_tells():
    assert recognise(["05/02/2020", "01/03/2020", "02/04/2020", "01/01/2020"]).formats == ("%m/%d/%Y",)
    assert recognise(["05-02-2020", "01-03-2020", "02-04-2020", "01-01-2020"]).formats == ("%d-%m-%Y",)


@pytest.mark.parametrize(
    "texts", [["a", "b"], ["1", "2"], ["12:30", "11:15"], ["1.5", "2.5"], ["2020-13-45", "2020-00-01"]]
)
def test_what_is_no_date(texts):
    assert recognise(texts) is None


def test_the_time_of_day_and_its_offset_are_read():
    texts = [
        "2019-03-23 20:21:09.5",
        "2019-03-23T20:21+02:00",
        "2019-03-23 8:05 PM",
        "2019-03-23 12:05 am",
        "2019-03-23",
    ]
    day = datetime.datetime(2019, 3, 23)
    times = [(20, 21, 9, 500_000), (18, 21), (20, 5), (0, 5), (0, 0)]
    expected = [
        day.replace(hour=h, minute=m, **dict(zip(("second", "microsecond"), rest, strict=False)))
        for h, m, *rest in times
    ]
    assert parse_dates(pl.Series(texts), ["%Y-%m-%d"]).to_list() == expected


def test_impossible_times_are_missing():
    assert parse_dates(pl.Series(["2019-03-23 25:00", "2019-02-30"]), ["%Y-%m-%d"]).to_list() == [None, None]


@given(
    st.lists(st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2060, 1, 1)), min_size=1),
    st.sampled_from(DATE_FORMATS),
)
def test_every_format_reads_what_is_written_in_it(moments, form):
    moments = [moment.replace(microsecond=0) for moment in moments]
    texts = [moment.strftime(f"{form} %H:%M:%S") for moment in moments]
    assert parse_dates(pl.Series(texts), [form]).to_list() == moments
