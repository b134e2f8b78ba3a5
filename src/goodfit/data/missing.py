"""How missing values are spelled, and texts and numbers cleaned of them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from goodfit.messages import Message

__all__ = ["NULL_SPELLINGS", "WEAK_NULLS", "clean", "different_texts", "is_text", "null_spellings"]

NULL_SPELLINGS = (
    "", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "?", "null", "NULL", "Null", "-",
)  # fmt: skip
# Missing among numbers or dates, but perhaps a category of their own elsewhere.
WEAK_NULLS = (
    "None",
    "none",
    "NONE",
    "--",
    ".",
    "..",
    "*",
    "missing",
    "Missing",
    "unknown",
    "Unknown",
    "na",
    "n.a.",
)
LARGEST = 3.0e38  # float32 ends at 3.4e38


def null_spellings(told: Sequence[str] | None) -> tuple[str, ...]:
    """Return the spellings that mean missing: those told, or the usual ones; always the empty text."""
    if told is None:
        return NULL_SPELLINGS
    return ("", *(text.strip() for text in told if text.strip()))


def is_text(series: pl.Series) -> bool:
    """Whether a column holds texts."""
    return series.dtype in (pl.String, pl.Categorical)


def different_texts(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return a text column's different values, as String, and in how many rows each stands."""
    counts = series.drop_nulls().alias("value").value_counts(name="rows")
    return counts["value"].cast(pl.String), counts["rows"].cast(pl.Int64)


def clean(frame: pl.DataFrame, nulls: Sequence[str]) -> tuple[pl.DataFrame, list[str], tuple[Message, ...]]:
    """Take surrounding blanks off texts, and turn null spellings, NaN, infinite and huge numbers into nulls.

    A lone ``-`` stays a text in a column that also has ``+``. Numbers beyond 3e38 do not fit the network's
    32-bit numbers and count as missing.

    Returns
    -------
    The cleaned frame, the spellings that were taken as missing, and notes on numbers that were.
    """
    changed: list[pl.Series] = []
    spelled: set[str] = set()
    for series in frame:
        if is_text(series):
            cleaned = _clean_text(series, nulls, spelled)
            if cleaned is not None:
                changed.append(cleaned)
    finite, notes = _clean_floats(frame)
    frame = frame.with_columns(*changed, *finite)
    return frame, sorted(spelled), notes


def _clean_text(series: pl.Series, nulls: Sequence[str], spelled: set[str]) -> pl.Series | None:
    """Return the cleaned column, None where nothing changes; collects the spellings it takes as missing."""
    categorical = series.dtype == pl.Categorical
    texts = series.unique().drop_nulls().cast(pl.String) if categorical else series
    stripped = texts.str.strip_chars()
    if "-" in nulls and (stripped == "+").any():
        nulls = [null for null in nulls if null != "-"]
    null = stripped.is_in(list(nulls)).fill_null(False)
    if not null.any() and (stripped == texts).all():
        return None
    spelled.update(text for text in stripped.filter(null).unique() if text)
    kept = pl.select(pl.when(null).then(None).otherwise(stripped)).to_series()
    if not categorical:
        return kept.alias(series.name)
    if len(texts) == 0:
        return None
    return series.replace_strict(
        texts.cast(series.dtype), kept.cast(series.dtype), default=None, return_dtype=series.dtype
    )


def _clean_floats(frame: pl.DataFrame) -> tuple[list[pl.Series], tuple[Message, ...]]:
    names = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    if not names or frame.height == 0:
        return [], ()
    found = frame.select(
        *(pl.col(name).is_nan().sum().alias(f"n{place}") for place, name in enumerate(names)),
        *((~pl.col(name).is_nan() & (pl.col(name).abs() > LARGEST)).sum().alias(f"h{place}")
          for place, name in enumerate(names)),
    ).row(0, named=True)  # fmt: skip
    changed: list[pl.Series] = []
    notes: list[Message] = []
    for place, name in enumerate(names):
        huge = found[f"h{place}"]
        if huge:
            notes.append(Message("notes.read.not-finite", {"column": name, "count": huge}))
        if huge or found[f"n{place}"]:
            fits = pl.col(name).is_not_nan() & (pl.col(name).abs() <= LARGEST)
            changed.append(frame.select(pl.when(fits).then(pl.col(name)).alias(name)).to_series())
    return changed, tuple(notes)
