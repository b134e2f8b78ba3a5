"""Numbers written as text: decimal commas, thousands separators, currencies and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from goodfit.data.missing import WEAK_NULLS

__all__ = ["FoundNumbers", "NumberFormat", "parse_numbers", "recognise_numbers"]

CURRENCY = r"(?:[$€£¥₹]|USD|EUR|GBP|Rs\.?)"
BODY = r"[+-]?(?:[0-9][0-9.,' _]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?"
UNIT = r"(?:[%‰$€£¥₹]|°\s?[CFK]?|\s[A-Za-zµ²³/°]{1,10}[0-9]?|[A-Za-zµ²³/]{2,10}[0-9]?)"
SPLIT = rf"^{CURRENCY}?\s*({BODY})\s*?({UNIT})?$"
PLAIN = {
    ".": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    ",": r"^[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?$",
}
LONG = r"^[+-]?[0-9]{19,}$"
WRITTEN = (
    (".", ""),
    (".", ","),
    (".", " "),
    (".", "'"),
    (".", "_"),
    (",", ""),
    (",", "."),
    (",", " "),
    (",", "'"),
)


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are written in a column of text."""

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the format as plain data for JSON."""
        return {"decimal": self.decimal, "thousands": self.thousands, "unit": self.unit}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NumberFormat:
        """Rebuild a format from `to_dict`."""
        return cls(str(data["decimal"]), str(data["thousands"]), str(data["unit"]))


@dataclass(frozen=True)
class FoundNumbers:
    """A format under which a column's texts are numbers.

    Parameters
    ----------
    share
        Share of the values that are numbers so; null spellings do not count.
    ambiguous
        Whether ``1,234`` could as well have been read with the other decimal sign.
    """

    format: NumberFormat
    share: float
    ambiguous: bool


def recognise_numbers(
    values: pl.Series, rows: pl.Series, decimal: str = ".", *, told: bool = False
) -> FoundNumbers | None:
    """Return the format under which most of a column's rows are numbers, None where no text is one.

    Codes are no numbers: texts with leading zeros that are all equally long (four digits or more), and
    whole numbers of more than 18 digits, where they are the majority; unless they are told to be numbers.

    Parameters
    ----------
    values, rows
        The column's different texts, and in how many rows each stands.
    decimal
        The decimal sign of the file they come from: decides what ``1,234`` means.
    told
        Whether somebody says that they are numbers.
    """
    known = ~values.is_in(list(WEAK_NULLS))
    values, rows = values.filter(known), rows.filter(known)
    total = int(rows.sum())
    if total == 0 or 2 * int(rows.filter(values.str.contains("[0-9]")).sum()) < total:
        return None
    if not told and _are_codes(values):
        return None
    body, unit, currency = _split(values)
    usual = unit.filter(unit != "").mode().sort()
    the_unit = str(usual[0]) if len(usual) else ""
    fits = body.is_not_null() & ((unit == "") | (unit == the_unit))
    best, most = None, 0
    counts: dict[tuple[str, str], int] = {}
    for written in sorted(WRITTEN, key=lambda form: form[0] != decimal):
        good = (fits & body.str.contains(_pattern(*written))).fill_null(False)
        counts[written] = int(rows.filter(good).sum())
        if counts[written] > most:
            best, most = written, counts[written]
    if best is None:
        return None
    other = (",", "") if best == (".", ",") else (".", "") if best == (",", ".") else None
    ambiguous = other is not None and counts[other] == most
    return FoundNumbers(NumberFormat(*best, the_unit or currency), most / total, ambiguous)


def parse_numbers(texts: pl.Series, form: NumberFormat) -> pl.Series:
    """Return ``texts`` as Float64; what is no number in this format becomes null."""
    body, unit, _ = _split(texts)
    fits = body.str.contains(_pattern(form.decimal, form.thousands)) & (
        (unit == "") | (unit.str.strip_chars() == form.unit)
    )
    bare = body.str.replace_all(form.thousands, "", literal=True) if form.thousands else body
    point = bare.str.replace(",", ".", literal=True) if form.decimal == "," else bare
    numbers = point.str.strip_prefix("+").cast(pl.Float64, strict=False)
    return pl.select(pl.when(fits.fill_null(False)).then(numbers)).to_series().alias(texts.name)


def _split(texts: pl.Series) -> tuple[pl.Series, pl.Series, str]:
    """Return the number in each text (null where there is none), its unit, and the currency before it."""
    even = texts.str.strip_chars().str.replace_all("−", "-", literal=True)
    even = even.str.replace_all(r"[\u00a0\u202f]", " ")
    body = even.str.extract(SPLIT, 1).str.strip_chars()
    unit = even.str.extract(SPLIT, 2).fill_null("").str.strip_chars()
    signs = even.str.extract(rf"^({CURRENCY})", 1).drop_nulls()
    return body, unit, str(signs[0]) if len(signs) else ""


def _pattern(decimal: str, thousands: str) -> str:
    if not thousands:
        return PLAIN[decimal]
    grouped = rf"[+-]?[1-9][0-9]{{0,2}}({re.escape(thousands)}[0-9]{{3}})+({re.escape(decimal)}[0-9]*)?"
    return rf"^{grouped}$|{PLAIN[decimal]}"


def _are_codes(values: pl.Series) -> bool:
    if values.str.contains(LONG).mean() > 0.5:  # type: ignore[operator]
        return True
    lengths = values.str.len_chars()
    if lengths.min() != lengths.max() or not values.str.contains(r"^0[0-9]{3,}$").any():
        return False
    return bool(values.str.contains(r"^[0-9]+$").all())
