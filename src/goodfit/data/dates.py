"""Dates and times written as text: the order of day, month and year, and the time of day after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from goodfit.data.missing import WEAK_NULLS

__all__ = ["FoundDates", "parse_dates", "recognise_dates"]

DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y",
    "%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
)  # fmt: skip
DAY_AND_MONTH = {
    "%d/%m/%Y": "%m/%d/%Y", "%d-%m-%Y": "%m-%d-%Y", "%d/%m/%y": "%m/%d/%y", "%d-%m-%y": "%m-%d-%y",
}  # fmt: skip
CLOCK = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.,][0-9]+)?))?\s*([AaPp]\.?[Mm]\.?)?"
TIME = rf"[T ]\s*{CLOCK}\s*(Z|UTC|[+-][0-9]{{2}}:?[0-9]{{2}})?$"
LOOKS_LIKE = r"^\d{1,4}[-/. ][A-Za-z0-9]{1,9}[-/. ]\d{1,4}|^\d{8}($|[T ])|^[A-Za-z]{3,9}\.? \d{1,2},? \d{4}"
SAMPLE = 2000


@dataclass(frozen=True)
class FoundDates:
    """The formats under which a column's texts are dates.

    Parameters
    ----------
    formats
        Formats of the date part, as of strptime, the most frequent first. A time of day after it is
        understood without being told.
    share
        Share of the values that are dates so.
    ambiguous
        Whether day and month could as well be the other way round.
    """

    formats: tuple[str, ...]
    share: float
    ambiguous: bool


def recognise_dates(values: pl.Series, rows: pl.Series, in_order: pl.Series) -> FoundDates | None:
    """Return the formats under which at least half of a column's rows are dates, None where there are none.

    Where no value tells the day from the month (12/05/2020), the order that makes the column ascend or
    descend is taken, else month first for slashes, as in the United States, and day first for the rest.

    Parameters
    ----------
    values, rows
        The column's different texts, and in how many rows each stands.
    in_order
        The column itself.
    """
    known = ~values.is_in(list(WEAK_NULLS))
    values, rows = values.filter(known), rows.filter(known)
    if _share(values.str.contains(LOOKS_LIKE), rows) < 0.5:
        return None
    days = _date_part(values)
    sample = days.gather_every(max(1, len(days) // SAMPLE))
    parsed = {form: int(_dates(sample, form).is_not_null().sum()) for form in DATE_FORMATS}
    order = sorted((form for form in DATE_FORMATS if parsed[form]), key=lambda form: -parsed[form])
    ambiguous = False
    for day_first, month_first in DAY_AND_MONTH.items():
        if order and order[0] in (day_first, month_first):
            first, ambiguous = _order_of_day_and_month(
                days, _date_part(in_order.cast(pl.String)), day_first, month_first
            )
            order = [first, *(form for form in order if form not in (day_first, month_first))]
    formats: list[str] = []
    for form in order:
        good = _dates(days, form).is_not_null()
        if good.any():
            formats.append(form)
            days = days.filter(~good)
    share = _share(parse_dates(values, formats).is_not_null(), rows)
    return FoundDates(tuple(formats), share, ambiguous) if share >= 0.5 else None


def _share(good: pl.Series, rows: pl.Series) -> float:
    return int(rows.filter(good).sum()) / max(1, int(rows.sum()))


def parse_dates(texts: pl.Series, formats: Sequence[str]) -> pl.Series:
    """Return ``texts`` as Datetime in microseconds, UTC where they name an offset; null where no date."""
    text = pl.lit(texts).str.strip_chars()
    day = text.str.replace(TIME, "")
    date = pl.coalesce(pl.lit(None, pl.Date), *(_date(day, form) for form in formats))
    group = {place: text.str.extract(TIME, place) for place in range(1, 6)}
    hour, minute = (group[place].cast(pl.Int64, strict=False).fill_null(0) for place in (1, 2))
    second = group[3].str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).fill_null(0.0)
    afternoon = group[4].str.to_lowercase().str.starts_with("p").cast(pl.Int64)
    hour = pl.when(group[4].is_not_null()).then(hour % 12 + afternoon * 12).otherwise(hour)
    offset = r"([+-])(\d{2}):?(\d{2})$"
    ahead = (
        group[5].str.extract(offset, 2).cast(pl.Int64) * 60 + group[5].str.extract(offset, 3).cast(pl.Int64)
    ).fill_null(0) * pl.when(group[5].str.starts_with("-")).then(-1).otherwise(1)
    seconds = hour * 3600 + (minute - ahead) * 60 + second
    moment = date.cast(pl.Datetime("us")) + (seconds * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
    possible = (hour < 24) & (minute < 60) & (second < 60)
    return pl.select(pl.when(possible).then(moment)).to_series().alias(texts.name)


def _date_part(texts: pl.Series) -> pl.Series:
    return texts.str.strip_chars().str.replace(TIME, "")


def _date(day: pl.Expr, form: str) -> pl.Expr:
    long_year = day.str.contains(r"[0-9]{4}")
    return pl.when(long_year == ("%Y" in form)).then(day.str.to_date(form, strict=False))


def _dates(days: pl.Series, form: str) -> pl.Series:
    return pl.select(_date(pl.lit(days), form)).to_series()


def _order_of_day_and_month(
    different: pl.Series, in_order: pl.Series, day_first: str, month_first: str
) -> tuple[str, bool]:
    """Return which of two formats it is, and whether the values leave it open."""
    days, months = _dates(different, day_first), _dates(different, month_first)
    if days.null_count() != months.null_count():
        return (day_first if days.null_count() < months.null_count() else month_first), False
    runs = {form: _runs_one_way(_dates(in_order, form)) for form in (day_first, month_first)}
    if runs[day_first] != runs[month_first]:
        return (day_first if runs[day_first] else month_first), True
    return (month_first if "/" in day_first else day_first), True


def _runs_one_way(dates: pl.Series) -> bool:
    dates = dates.drop_nulls()
    return len(dates) > 2 and (dates.is_sorted() or dates.is_sorted(descending=True))
