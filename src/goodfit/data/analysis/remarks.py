"""What is worth a look in a table that was analyzed: its target, its rows, its columns."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from goodfit.data.analysis.distributions import suspicious_values
from goodfit.data.analysis.percent import percent
from goodfit.data.analysis.results import ColumnAnalysis, Duplicates, Pair
from goodfit.data.missing import WEAK_NULLS
from goodfit.data.table import Column, Profile
from goodfit.data.task import likely_typos
from goodfit.messages import Message

__all__ = ["column_remarks", "gathered", "maybe_codes", "table_remarks", "target_remarks"]

IMBALANCED = 0.3
"""Share of a class, relative to that of even classes, below which the classes count as imbalanced."""
MOST_OUTLYING = 5
"""Columns with outliers that have a remark each; of more, one remark tells."""
MANY_LEVELS = 50


def target_remarks(target: ColumnAnalysis, known: Profile) -> list[Message]:
    """Return what is worth a look in classes to be predicted: rare ones, and likely misspellings."""
    if known.task == "regression" or not target.levels:
        return []
    typos = likely_typos(target.column.facts["levels"], known.rows)
    smallest = target.column.facts["levels"][-1]
    share = smallest[1] / known.rows
    if share >= IMBALANCED / len(known.classes):
        return typos
    largest = target.levels[0]
    values = {"value": str(smallest[0]), "percent": percent(share), "count": smallest[1]}
    largest_share = {"largest": largest[0], "largest_percent": percent(largest[1] / known.rows)}
    return [*typos, Message("profile.remark.imbalance", {**values, **largest_share})]


def table_remarks(duplicates: Duplicates, pairs: Sequence[Pair], rows: int) -> list[Message]:
    """Return what is worth a look in the rows, and in columns beside each other."""
    remarks = []
    if duplicates.rows:
        values = {"count": duplicates.rows, "percent": percent(duplicates.rows / rows)}
        apart = {"names": [repr(name) for name in duplicates.apart_from]}
        code = "profile.remark.duplicates" + ("-apart" if duplicates.apart_from else "")
        remarks.append(Message(code, {**values, **apart}))
    if duplicates.conflicting:
        values = {"count": duplicates.conflicting, "percent": percent(duplicates.conflicting / rows)}
        remarks.append(Message("profile.remark.conflicting", values))
    for group in _groups(pairs):
        weakest = f"{min(abs(pair.value) for pair in group):.3f}"
        names = list(dict.fromkeys(name for pair in group for name in (pair.first, pair.second)))
        measure = "rank" if all(pair.measure == "rank" for pair in group) else "shared"
        remarks.append(Message(f"profile.remark.same-{measure}", {"names": names, "value": weakest}))
    return remarks


def _groups(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Return pairs put together that have a column in common, directly or through others."""
    groups: list[tuple[set[str], list[Pair]]] = []
    for pair in pairs:
        ends = {pair.first, pair.second}
        touching = [group for group in groups if group[0] & ends]
        joined = [other for group in touching for other in group[1]]
        groups = [group for group in groups if not group[0] & ends]
        groups.append((ends.union(*(group[0] for group in touching)), [*joined, pair]))
    return [group for _, group in groups]


def gathered(remarks: Sequence[Message]) -> list[Message]:
    """Return the remarks, outliers in many columns as one."""
    outlying = [remark for remark in remarks if remark.code == "profile.remark.outliers"]
    if len(outlying) <= MOST_OUTLYING:
        return list(remarks)
    rest = [remark for remark in remarks if remark.code != "profile.remark.outliers"]
    outlying.sort(key=lambda remark: -int(remark.values["count"]))
    shown = [f"{remark.values['column']} ({remark.values['count']})" for remark in outlying[:8]]
    return [*rest, Message("profile.remark.outliers-many", {"count": len(outlying), "columns": shown})]


def column_remarks(series: pl.Series, analysis: ColumnAnalysis, raw: pl.Series) -> list[Message]:
    """Return what is worth a look in a column; ``series`` are its values as read, ``raw`` as they came."""
    column, rows = analysis.column, max(1, len(series))
    remarks: list[Message] = []
    if column.kind == "identifier":
        present = raw.drop_nulls()
        different = present.n_unique()
        if different < len(present):
            values = {"column": column.name, "count": len(present) - different, "different": different}
            remarks.append(Message("profile.remark.identifier-repeats", values))
    lost = series.null_count() - raw.null_count()
    if lost > 0 and column.used:
        examples = raw.filter(series.is_null() & raw.is_not_null()).unique(maintain_order=True).head(3)
        values = {"column": column.name, "count": lost, "examples": [repr(str(value)) for value in examples]}
        remarks.append(Message(f"notes.profile.unread-{column.kind}", values))
    if column.missing / rows >= 0.5 and column.kind != "empty":
        values = {"column": column.name, "percent": percent(column.missing / rows)}
        remarks.append(Message("profile.remark.mostly-missing", values))
    if column.kind == "category" and analysis.rare_levels > MANY_LEVELS:
        facts = {"column": column.name, "count": column.distinct, "rare": analysis.rare_levels}
        remarks.append(
            Message("profile.remark.many-levels", {**facts, "percent": percent(analysis.rare_rows / rows)})
        )
    unknown = [(name, times) for name, times in analysis.levels if name in WEAK_NULLS]
    if column.kind == "category" and unknown:
        value, times = unknown[0]
        facts = {"column": column.name, "value": value, "count": times, "percent": percent(times / rows)}
        remarks.append(Message("profile.remark.missing-word", facts))
    return remarks + suspicious_values(series, analysis)


def maybe_codes(columns: Sequence[Column]) -> list[Message]:
    """Return which numbers have so few values that they may be codes."""
    names = [column.name for column in columns if column.reason.code == "notes.column.number-few"]
    shown = {"count": len(names), "names": [repr(name) for name in names[:8]], "first": names[:1]}
    return [Message("profile.remark.maybe-codes", shown)] if names else []
