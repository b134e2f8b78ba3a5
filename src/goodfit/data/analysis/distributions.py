"""Distributions of columns: histograms, levels, outliers, and values that are likely errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.analysis.discrete import some_rows
from goodfit.data.analysis.results import ColumnAnalysis, Histogram, Outliers
from goodfit.data.columns import as_numbers
from goodfit.data.missing import different_texts, is_text
from goodfit.data.table import Column
from goodfit.messages import Message

__all__ = ["QUANTILE_ROWS", "analyze_column", "outlier_bounds", "suspicious_values"]

QUANTILE_ROWS = 100_000
"""Rows that quantiles are measured on, at most; everything else is counted in every row."""
PERCENTAGES = (1, 5, 25, 50, 75, 95, 99)
BINS = 24
FEW = 20
"""Different numbers up to which each is counted by itself."""
LEVELS_SHOWN = 20
RARE_SHARE, RARE_ROWS = 1 / 500, 10
FAR = 5.0

Values = NDArray[np.float64]


def analyze_column(series: pl.Series, column: Column) -> ColumnAnalysis:
    """Return the distribution of a column, typed as ``column`` says; identifiers and texts have none."""
    if column.kind == "number" and series.dtype.is_numeric():
        return _number(series, column)
    if column.kind == "datetime" and series.dtype.is_temporal():
        return _moments(series, column)
    if column.kind in ("category", "boolean"):
        return _category(series, column)
    return ColumnAnalysis(column)


def outlier_bounds(quantiles: Mapping[str, float]) -> tuple[float, float]:
    """Return where outliers begin: five times as far from the median as the 5th and the 95th percentile.

    Each side has its own measure, so that skew by itself makes no outliers. Of a normal distribution that is
    8 deviations; of an exponential one, 5 rows in a million lie beyond. Infinite where a percentile is
    the median.

    >>> outlier_bounds({"5": 1.0, "50": 3.0, "95": 4.0})
    (-7.0, 8.0)
    """
    low, middle, high = (quantiles[name] for name in ("5", "50", "95"))
    below = middle - FAR * (middle - low) if low < middle else -math.inf
    above = middle + FAR * (high - middle) if high > middle else math.inf
    return below, above


def _number(series: pl.Series, column: Column) -> ColumnAnalysis:
    known = as_numbers(series.drop_nulls())
    if not len(known):
        return ColumnAnalysis(column)
    quantiles = _quantiles(known)
    found = _outliers(known, quantiles) if column.distinct > FEW else None
    analysis = ColumnAnalysis(column, _histogram(known, quantiles), quantiles=quantiles, outliers=found)
    if column.distinct <= FEW:
        values, counts = np.unique(known, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        levels = tuple((f"{values[place]:g}", int(counts[place])) for place in order)
        return replace(analysis, levels=levels)
    return analysis


def _outliers(known: Values, quantiles: Mapping[str, float]) -> Outliers | None:
    low, high = outlier_bounds(quantiles)
    beyond = known[(known < low) | (known > high)]
    if not len(beyond):
        return None
    farthest = beyond[np.argsort(-np.abs(beyond - quantiles["50"]), kind="stable")]
    examples = tuple(float(value) for value in dict.fromkeys(farthest[:1000].tolist()))[:3]
    crossed = (low if known.min() < low else None, high if known.max() > high else None)
    return Outliers(len(beyond), *crossed, examples)


def _quantiles(known: Values) -> dict[str, float]:
    some = known[some_rows(len(known), QUANTILE_ROWS)]
    values = np.quantile(some, np.array(PERCENTAGES) / 100)
    return {str(percent): float(value) for percent, value in zip(PERCENTAGES, values, strict=True)}


def _histogram(known: Values, quantiles: Mapping[str, float]) -> Histogram | None:
    """Return equal intervals over all values, or over the middle 98 % where the ends lie far out."""
    low, high = float(known.min()), float(known.max())
    inner = quantiles["99"] - quantiles["1"]
    if quantiles["1"] - low > inner / 2:
        low = quantiles["1"]
    if high - quantiles["99"] > inner / 2:
        high = quantiles["99"]
    if not high > low:
        return None
    counts, edges = np.histogram(known, BINS, (low, high))
    below, above = int((known < low).sum()), int((known > high).sum())
    return Histogram(tuple(float(edge) for edge in edges), tuple(counts.tolist()), below, above)


def _moments(series: pl.Series, column: Column) -> ColumnAnalysis:
    moments = series.drop_nulls().cast(pl.Datetime("us"))
    known = as_numbers(moments.to_physical())
    if not len(known):
        return ColumnAnalysis(column)
    counts, edges = np.histogram(known, BINS, (known.min(), max(known.max(), known.min() + 1)))
    texts = (
        pl.Series(edges.round().astype(np.int64)).cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S")
    )
    whole_days = bool((moments.dt.hour() == 0).all() and (moments.dt.minute() == 0).all())
    shown = tuple(text[:10] if whole_days else text for text in texts)
    return ColumnAnalysis(column, Histogram(shown, tuple(counts.tolist())))


def _category(series: pl.Series, column: Column) -> ColumnAnalysis:
    if is_text(series):
        values, rows = different_texts(series)
    else:
        counted = series.drop_nulls().alias("value").value_counts(name="rows")
        values, rows = counted["value"].cast(pl.String), counted["rows"].cast(pl.Int64)
    counts = pl.DataFrame({"value": values, "rows": rows}).sort(["rows", "value"], descending=[True, False])
    limit = max(2, min(RARE_ROWS, int(np.ceil(RARE_SHARE * len(series)))))
    rare = counts.filter(pl.col("rows") < limit)
    return ColumnAnalysis(
        column,
        levels=tuple(
            (_spelled(value, column), rows) for value, rows in counts.head(LEVELS_SHOWN).iter_rows()
        ),
        rare_levels=rare.height,
        rare_rows=int(rare["rows"].sum()),
    )


def _spelled(value: str, column: Column) -> str:
    """Return a value as the data write it, where it was read as true or false."""
    written = column.facts.get(value) if column.kind == "boolean" else None
    return str(written[0]) if written else value


def suspicious_values(series: pl.Series, analysis: ColumnAnalysis) -> list[Message]:
    """Return what looks like errors or codes in a column.

    - Outliers, see `outlier_bounds`.
    - A number like -1, 99 or -999 at one end, far from all others, in two rows or more: a code for missing?
    - Zeros among positive numbers that begin well above: missing? (At most half of the rows, and a gap of
      three times the usual step and a tenth of the median; a quarter for fewer than 5 zeros.)
    - One value in 1 % of the rows at the very end, five times as frequent as those beside it: cut off there?
    - Categories that differ by case or blanks alone.
    """
    column = analysis.column
    if column.kind == "category":
        return _alike(series, column)
    if column.kind != "number" or not series.dtype.is_numeric():
        return []
    known = as_numbers(series.drop_nulls())
    some = known[some_rows(len(known), QUANTILE_ROWS)]
    if analysis.outliers is None and len(some) < len(known) and not _suspicious_numbers(some, analysis):
        return []  # looking at every row of a long column takes long; what matters shows in a sample
    return _suspicious_numbers(known, analysis)


def _suspicious_numbers(known: Values, analysis: ColumnAnalysis) -> list[Message]:
    found: list[Message] = []
    values, counts = np.unique(known, return_counts=True)
    if len(values) < 3:
        return []
    facts = {"column": analysis.name, "rows": len(known)}
    code = _code(values, counts)
    found += [Message("profile.remark.code", {**facts, **code})] if code else []
    zeros = None if code else _zeros(values, counts)
    found += [Message("profile.remark.zeros", {**facts, **zeros})] if zeros else []
    if analysis.outliers is not None and not (code and code["count"] == analysis.outliers.count):
        beyond = analysis.outliers
        shown = {"count": beyond.count, "examples": [_short(value) for value in beyond.examples]}
        bounds = [_short(bound) for bound in (beyond.low, beyond.high) if bound is not None]
        found.append(Message("profile.remark.outliers", {**facts, **shown, "bounds": bounds}))
    for end, cut in _cut_off(values, counts, code):
        found.append(Message(f"profile.remark.cut-off-{end}", {**facts, **cut}))
    return found


def _code(values: Values, counts: NDArray[np.int64]) -> dict[str, Any] | None:
    """Return a value at an end that seems to stand for something else."""
    for place, rest in ((0, values[1:]), (-1, values[:-1])):
        value, count = float(values[place]), int(counts[place])
        if count < 2 or not float(value).is_integer() or len(rest) < 5:
            continue
        digits = str(abs(int(value)))
        nines = set(digits) == {"9"} and (len(digits) > 1 or value < 0)
        span = float(rest[-1] - rest[0])
        gap = float(rest[0] - value if place == 0 else value - rest[-1])
        apart = gap > span / 2 and nines
        below = place == 0 and (value == -1 or nines) and rest[0] >= 0 and len(rest) >= FEW
        if apart or below:
            other = {"other": _short(float(rest[0] if place == 0 else rest[-1]))}
            return {"value": _short(value), "count": count, **other}
    return None


def _zeros(values: Values, counts: NDArray[np.int64]) -> dict[str, Any] | None:
    if values[0] != 0 or len(values) <= FEW or counts[0] > counts.sum() / 2:
        return None
    rest, times = values[1:], counts[1:]
    middle = rest[np.searchsorted(np.cumsum(times), times.sum() / 2)]
    step = float(np.median(np.diff(rest[:11])))
    apart = 0.25 if counts[0] < 5 else 0.1
    if rest[0] < apart * middle or rest[0] < 3 * step:
        return None
    return {"count": int(counts[0]), "smallest": _short(float(rest[0]))}


def _cut_off(
    values: Values, counts: NDArray[np.int64], code: Mapping[str, Any] | None
) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    if len(values) < 50:
        return found
    for place, beside, end in ((0, slice(1, 6), "smallest"), (-1, slice(-6, -1), "largest")):
        value, count = float(values[place]), int(counts[place])
        usual = float(counts[beside].mean())
        many = count >= max(10, 0.01 * counts.sum()) and count >= 5 * usual
        if many and value != 0 and not (code and code["value"] == _short(value)):
            found.append((end, {"count": count, "value": _short(value)}))
    return found


def _alike(series: pl.Series, column: Column) -> list[Message]:
    values = different_texts(series)[0] if is_text(series) else series.drop_nulls().cast(pl.String).unique()
    plain = values.str.to_lowercase().str.replace_all(r"[\s_-]+", " ").str.strip_chars()
    groups = pl.DataFrame({"plain": plain, "value": values}).group_by("plain").agg(pl.col("value").sort())
    groups = groups.filter(pl.col("value").list.len() > 1).sort("plain")
    if not groups.height:
        return []
    shown = [" = ".join(repr(name) for name in names[:3]) for names in groups["value"].head(3).to_list()]
    return [Message("profile.remark.alike", {"column": column.name, "count": groups.height, "values": shown})]


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.4g}"
