"""Categories that are spelled in several ways: by case and blanks alone."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

__all__ = ["spellings_alike", "with_one_spelling"]

SHORTEST = 3
"""Characters below which case may well mean something, as in codes."""
MOST_VALUES = 10_000


def spellings_alike(values: pl.Series, rows: pl.Series) -> dict[str, str]:
    """Return the most frequent spelling of each value that has several; by its plain form, see `plain`.

    Values of fewer than three characters are left alone, and columns of more than 10,000 different ones.

    Parameters
    ----------
    values, rows
        The different texts, and in how many rows each stands.

    >>> spellings_alike(pl.Series(["Lima", "LIMA", "Quito", "a", "A"]), pl.Series([2, 1, 1, 1, 1]))
    {'lima': 'Lima'}
    """
    if len(values) > MOST_VALUES:
        return {}
    counts = pl.DataFrame({"value": values, "plain": plain(values), "rows": rows})
    counts = counts.filter(pl.col("plain").str.len_chars() >= SHORTEST)
    several = counts.filter(pl.len().over("plain") > 1).sort(["rows", "value"], descending=[True, False])
    usual = several.unique("plain", keep="first", maintain_order=True).sort("plain")
    return dict(zip(usual["plain"], usual["value"], strict=True))


def with_one_spelling(series: pl.Series, alike: Mapping[str, str]) -> pl.Series:
    """Return a text column in which the values that ``alike`` names by their plain form are spelled so."""
    values = series.unique().drop_nulls().cast(pl.String)
    changed = pl.DataFrame({"value": values, "plain": plain(values)}).filter(
        pl.col("plain").is_in(list(alike))
    )
    usual = changed["plain"].replace_strict(alike, return_dtype=pl.String)
    if not len(usual):
        return series
    return series.cast(pl.String).replace(changed["value"], usual).cast(series.dtype)


def plain(texts: pl.Series) -> pl.Series:
    """Return texts in lower case, with single blanks.

    >>> plain(pl.Series([" New  York"])).to_list()
    ['new york']
    """
    return texts.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
