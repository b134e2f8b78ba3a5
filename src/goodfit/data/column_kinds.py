"""The rules that decide what a column is: number, category, date, identifier, ..."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from goodfit.data.dates import recognise_dates
from goodfit.data.missing import different_texts, is_text
from goodfit.data.numbers import FoundNumbers, NumberFormat, parse_numbers, recognise_numbers
from goodfit.data.spellings import spellings_alike, with_one_spelling
from goodfit.data.table import Column, ColumnKind
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["BOOLEANS", "KINDS_TO_TELL", "Written", "describe", "how_written"]

KINDS_TO_TELL = ("number", "category", "boolean", "datetime", "text", "identifier", "drop")
BOOLEANS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"),
    ("sí", "no"), ("si", "no"), ("s", "n"), ("verdadero", "falso"), ("v", "f"),
)  # fmt: skip
ENOUGH = 0.95  # share of rows that must be numbers, or dates, for the column to be one
SAMPLE = 100_000  # different texts that are looked at
LEVELS_SHOWN = 20
FEW_TEXTS = 5
ID_NAME = re.compile(r"(^|[_\W])(id|ids|uuid|guid|key|index|idx|row|rownum|record)$|^(unnamed:? ?0|instant)$")
NUMBER_NAME = re.compile(r"(^|[_\W])(number|num|no|nr|code|serial)$")
TIME_NAME = re.compile(r"year|date|time|day|month|hour|week|epoch|año|fecha|mes|hora|semana")


@dataclass(frozen=True)
class Written:
    """How a column's values are to be read: what they are, how they are spelled and why it was taken so.

    Parameters
    ----------
    kind
        ``number``, ``boolean``, ``datetime``, or ``other`` for values that stay as they are.
    facts
        What `goodfit.data.casting` needs to read another column in the same way, as plain data.
    reason
        Why, in the catalogue's words; None where further rules decide.
    """

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: Message | None = None


def how_written(series: pl.Series, told: str | None, decimal: str) -> Written:
    """Decide whether a column's values are numbers, yes/no, dates, or something else.

    Texts are numbers (or dates) where 95 % of the rows that are not missing are, numbers also where half of
    the rows are, more than 20 of them differ and the others are five different texts at most; yes/no where
    there are exactly two different ones and they are a known pair.

    Parameters
    ----------
    told
        The kind that the user says it is, None where the rules decide.
    decimal
        The decimal sign of the file.

    Raises
    ------
    InputError
        The column is told to be numbers or dates and fewer than half of its values are, or yes/no and is not.
    """
    kind, _, form = (told or "").partition(":")
    if kind in ("category", "text", "identifier", "drop"):
        return Written("other")
    if series.dtype == pl.Boolean:
        return Written("boolean", {}, Message("notes.column.boolean"))
    if isinstance(series.dtype, pl.Datetime):
        return Written("datetime", {"formats": []}, Message("notes.column.datetime"))
    if kind == "datetime" and (form or not is_text(series)):
        return _told_dates(series, form)
    if not is_text(series):
        return Written("number")
    values, rows = different_texts(series)
    if len(values) == 0:
        return Written("other")
    if len(values) > SAMPLE:
        values, rows = values.head(SAMPLE), rows.head(SAMPLE)
    if kind in ("", "boolean"):
        pair = _yes_no(values)
        if pair is not None:
            shown = {"yes": pair["true"][0], "no": pair["false"][0]}
            return Written("boolean", pair, Message("notes.column.yes-no", shown))
        if kind:
            raise InputError(
                "profile.not-yes-no", column=series.name, values=[repr(v) for v in values.sort()[:5]]
            )
    share = 0.5 if kind else ENOUGH
    mixed = None
    if kind in ("", "number"):
        numbers = recognise_numbers(values, rows, decimal, told=kind == "number")
        mixed = numbers if numbers is not None and 0.5 <= numbers.share < share else None
        if numbers is not None and numbers.share >= share:
            reason = _number_reason(numbers.format, numbers.ambiguous, numbers.share)
            return Written("number", {"written": numbers.format.to_dict()}, reason)
        if kind:
            raise InputError("profile.not-numbers", column=series.name, value=_example(values, rows, decimal))
    dates = recognise_dates(values, rows, series.drop_nulls())
    if dates is not None and dates.share >= share:
        code = "notes.column.date-ambiguous" if dates.ambiguous else "notes.column.date-text"
        words = {"format": [_date_words(form) for form in dates.formats], "column": series.name}
        return Written("datetime", {"formats": list(dates.formats)}, Message(code, words))
    if kind:
        raise InputError("profile.not-dates", column=series.name, value=_example(values, rows))
    return Written("other") if mixed is None else _mixed(series.name, values, mixed)


def _example(values: pl.Series, rows: pl.Series, decimal: str | None = None) -> str:
    """Return the most frequent text, in quotes; with a decimal sign the most frequent that is no number."""
    if decimal is not None:
        others = parse_numbers(values, NumberFormat(decimal)).is_null()
        values, rows = values.filter(others), rows.filter(others)
    counted = pl.DataFrame({"value": values, "rows": rows}).sort(["rows", "value"], descending=[True, False])
    return repr(counted["value"][0])


def _mixed(name: str, values: pl.Series, numbers: FoundNumbers) -> Written:
    """Return how numbers among which there are texts are read: as such where many differ."""
    others = parse_numbers(values, numbers.format).is_null()
    shown = {
        "column": name,
        "percent": round(100 * (1 - numbers.share), 1),
        "texts": [repr(text) for text in values.filter(others).sort().head(3)],
    }
    different = int(others.sum())
    if len(values) - different > LEVELS_SHOWN and different <= FEW_TEXTS:
        facts = {"written": numbers.format.to_dict()}
        return Written("number", facts, Message("notes.column.number-mixed", shown))
    return Written("other", {}, Message("notes.column.category-mixed", shown))


def _told_dates(series: pl.Series, form: str) -> Written:
    digits = series.drop_nulls().cast(pl.String).str.contains(r"^[0-9]{8}$")
    if not form and series.dtype.is_integer() and digits.all():
        form = "%Y%m%d"
    if not form:
        raise InputError("profile.not-dates", column=series.name, value=str(series.drop_nulls()[0]))
    return Written(
        "datetime", {"formats": [form]}, Message("notes.column.date-told", {"format": _date_words(form)})
    )


def _yes_no(values: pl.Series) -> dict[str, list[str]] | None:
    lower = {text.lower() for text in values} if len(values) <= 6 else set()
    for yes, no in BOOLEANS:
        if lower == {yes, no}:
            return {
                "true": sorted(text for text in values if text.lower() == yes),
                "false": sorted(text for text in values if text.lower() == no),
            }
    return None


def _number_reason(form: NumberFormat, ambiguous: bool, share: float) -> Message | None:
    separators = {"thousands": form.thousands, "decimal": form.decimal}
    if ambiguous:
        return Message("notes.column.number-ambiguous", separators)
    if form.unit:
        return Message("notes.column.number-unit", {"unit": form.unit})
    if form.thousands:
        return Message("notes.column.number-separators", separators)
    if form.decimal == ",":
        return Message("notes.column.number-comma")
    return Message("notes.column.number-text") if share < 1 else None


def _date_words(form: str) -> str:
    words = {"%Y": "yyyy", "%y": "yy", "%m": "mm", "%d": "dd", "%b": "mon", "%B": "month"}
    for code, word in words.items():
        form = form.replace(code, word)
    return form


def describe(series: pl.Series, written: Written, told: str | None, measured: Mapping[str, Any]) -> Column:
    """Return what a column is, by rules applied in this order.

    - no value at all: *empty*; one value everywhere: *constant*;
    - told by the user: that;
    - yes/no, dates, and numbers are what they are, but whole numbers that only number the rows are an
      *identifier*: a sequence from the first row to the last (unless its name speaks of time or it looks
      like years), or nearly all different under a name such as ``Id`` or ``hospital_number``;
    - texts are an *identifier* where they are short codes that never, or under such a name seldom, repeat;
      *text* where at least half are different and they run to three words or 30 characters, where they run to
      two words and most rows have a rare one, or where none repeats; a *category* otherwise, whose values
      that differ by case or blanks alone are one (`goodfit.data.spellings`).

    Parameters
    ----------
    series
        The column, read as ``written`` says.
    measured
        Of numbers: what `goodfit.data.profile` measured of them.
    """
    name, rows, missing = series.name, len(series), series.null_count()
    kind = (told or "").partition(":")[0]
    facts: dict[str, Any] = dict(written.facts)
    counts: tuple[pl.Series, pl.Series] | None = None
    if missing == rows and kind != "drop":
        return Column(name, "empty", Message("notes.column.empty"), missing, 0, facts)
    if written.kind == "number":
        distinct = int(measured["distinct"])
        facts |= {key: value for key, value in measured.items() if key != "distinct"}
    elif is_text(series):
        counts = different_texts(series)
        distinct, facts["levels"] = len(counts[0]), _levels(*counts)
    else:
        distinct = series.drop_nulls().n_unique()
    if kind:
        chosen: ColumnKind = "dropped" if kind == "drop" else kind  # type: ignore[assignment]
        reason = (
            written.reason if written.kind == "datetime" and written.reason else Message("notes.column.told")
        )
        return Column(name, chosen, reason, missing, distinct, facts)
    if distinct == 1 and (missing == 0 or written.kind == "number"):
        value = str(series.drop_nulls()[0])
        return Column(name, "constant", Message("notes.column.constant", {"value": value}), missing, 1, facts)
    if written.kind in ("boolean", "datetime") and written.reason is not None:
        fixed: ColumnKind = "boolean" if written.kind == "boolean" else "datetime"
        return Column(name, fixed, written.reason, missing, distinct, facts)
    if written.kind == "number":
        decided, reason = _number(series, written, facts, distinct)
    else:
        if counts is None:
            counts = different_texts(series.cast(pl.String))
        decided, reason = _text(series, *counts)
        if decided == "category":
            reason = written.reason or reason
            alike = spellings_alike(*counts)
            if alike:
                facts["alike"] = alike
                counts = different_texts(with_one_spelling(series, alike))
                distinct, facts["levels"] = len(counts[0]), _levels(*counts)
    return Column(name, decided, reason, missing, distinct, facts)


def _number(
    series: pl.Series, written: Written, facts: Mapping[str, Any], distinct: int
) -> tuple[ColumnKind, Message]:
    whole = bool(facts["whole"])
    if whole and series.null_count() == 0:
        reason = _numbers_the_rows(series, facts, distinct)
        if reason is not None:
            return "identifier", reason
    if written.reason is not None:
        return "number", written.reason
    if whole and distinct == 2:
        pair = {"low": int(facts["minimum"]), "high": int(facts["maximum"])}
        return "number", Message("notes.column.number-two", pair)
    if whole and distinct <= 20:
        return "number", Message("notes.column.number-few", {"count": distinct, "column": series.name})
    return "number", Message("notes.column.number")


def _numbers_the_rows(series: pl.Series, facts: Mapping[str, Any], distinct: int) -> Message | None:
    rows, low, high, name = len(series), facts["minimum"], facts["maximum"], _words(series.name)
    looks_like_years = low >= 1500 and high <= 2200
    if rows < 3 or distinct < 0.9 * rows or looks_like_years or TIME_NAME.search(name):
        return None
    distinct = series.n_unique()
    in_order = series.is_sorted() or series.is_sorted(descending=True)
    if distinct == rows and high - low == rows - 1 and in_order:
        return Message("notes.column.identifier-sequence")
    named = ID_NAME.search(name) or (NUMBER_NAME.search(name) and high >= 2 * rows)
    if named and distinct >= 0.9 * rows:
        return Message("notes.column.identifier-name", {"count": distinct})
    return None


def _text(series: pl.Series, values: pl.Series, rows: pl.Series) -> tuple[ColumnKind, Message]:
    """Return what a column of texts is; ``values`` and ``rows`` are the different ones with their rows."""
    texts = series.drop_nulls().head(SAMPLE).cast(pl.String)
    words = _mean(texts.str.count_matches(r"\s+")) + 1
    length = _mean(texts.str.len_chars())
    distinct = len(values)
    share = distinct / (len(series) - series.null_count())
    told = {"count": distinct}
    many = distinct > 20
    if many and words < 1.5 and length <= 64:
        if share > 0.99:
            return "identifier", Message("notes.column.identifier-codes")
        if ID_NAME.search(_words(series.name)) and share >= 0.5:
            return "identifier", Message("notes.column.identifier-name", told)
    long = share >= 0.5 and (words >= 3 or length >= 30)
    if many and (share > 0.99 or length >= 100 or long or (words >= 2 and _mostly_rare(rows))):
        return "text", Message("notes.column.text", told)
    return "category", Message("notes.column.category", told)


def _levels(values: pl.Series, rows: pl.Series) -> list[list[Any]]:
    """Return the most frequent values with their rows, alphabetically where that is a tie."""
    if not len(values):
        return []
    fewest = rows.top_k(LEVELS_SHOWN).min()
    top = pl.DataFrame({"value": values, "rows": rows}).filter(pl.col("rows") >= fewest)
    above = top.filter(pl.col("rows") > fewest)
    tied = top.filter(pl.col("rows") == fewest).bottom_k(LEVELS_SHOWN - above.height, by="value")
    shown = pl.concat([above, tied]).sort(["rows", "value"], descending=[True, False])
    return [list(row) for row in shown.iter_rows()]


def _mostly_rare(rows: pl.Series) -> bool:
    """Say whether most rows have a value that only few have, so that it could not be learned by itself."""
    few = min(10, math.ceil(int(rows.sum()) / 500))
    return int(rows.filter(rows < max(2, few)).sum()) > int(rows.sum()) / 2


def _mean(numbers: pl.Series) -> float:
    mean: Any = numbers.mean()
    return float(mean) if mean is not None and math.isfinite(mean) else 0.0


def _words(name: str) -> str:
    """Return a name in lower case with its words apart: ``customerID`` as ``customer_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
