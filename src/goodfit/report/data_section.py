"""What the report says of the rows and the columns, as plain data for the template."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from goodfit.data.analysis.text import remarks_shown
from goodfit.messages import Message, say, thousands
from goodfit.plots.style import shortened
from goodfit.report.formats import number, percent, sentence
from goodfit.report.parts import ReportParts
from goodfit.report.profile_page import analysis_sections

if TYPE_CHECKING:
    from goodfit.data.table import Column, Profile

__all__ = ["data"]

MOST_BARS = 12
MOST_SHOWN = 12  # rows of a long table, or of a list, before the rest is folded away
LEAST_SHARE = 0.05  # of the rows, for a category to be named


def data(parts: ReportParts, language: str) -> dict[str, Any] | None:
    """Return what is said of the rows and the columns; None where nothing is known of them."""
    profile, split, analysis = parts.profile, parts.split, parts.analysis
    if profile is None and split is None and parts.source is None:
        return None
    facts = []
    if parts.source is not None:
        facts.append(("source", parts.source.name))
    if profile is not None:
        facts.append(("rows", thousands(profile.rows, language)))
        facts.append(("targets" if len(profile.targets) > 1 else "target", ", ".join(profile.targets)))
        facts.append(("task", sentence(profile.task_reason.text(language))))
        used = len(profile.used)
        columns = {
            "used": thousands(used, language),
            "dropped": thousands(len(profile.columns) - used, language),
        }
        facts.append(("columns", say("report.fact.columns-used", language, **columns)))
        for name, column in (("group", profile.group_column), ("time", profile.time_column)):
            if column is not None:
                facts.append((name, column))
    notes = [*parts.notes, *(profile.notes if profile else ()), *(split.notes if split else ())]
    texts = list(dict.fromkeys(note.text(language) for note in notes))
    return {
        "facts": facts,
        "shares": _shares(parts, language),
        "rule": "" if split is None else split.rule.text(language),
        "classes": () if profile is None else _class_bars(profile, language),
        "more_classes": 0 if profile is None else max(0, len(_class_counts(profile)) - MOST_BARS),
        "notes": texts[:MOST_SHOWN],
        "more_notes": texts[MOST_SHOWN:],
        "remarks": []
        if analysis is None
        else [t for t in remarks_shown(analysis, language) if t not in texts],
        "profile": "" if analysis is None else analysis_sections(analysis, language),
        "columns": () if profile is None else _columns(profile, parts.preparation, language),
        "shown": MOST_SHOWN,
    }


def _shares(parts: ReportParts, language: str) -> list[tuple[str, str, str, float]]:
    """Return each part of the split: its name in code and in words, its rows, and its share of all."""
    if parts.split is None:
        return []
    rows = {name: len(getattr(parts.split, name)) for name in ("train", "valid", "test")}
    total = max(1, sum(rows.values()))
    return [
        (name, say(f"report.part.{name}", language), thousands(size, language), size / total)
        for name, size in rows.items()
        if size
    ]


def _class_counts(profile: Profile) -> list[tuple[Any, int]]:
    if profile.task == "regression" or len(profile.target_columns) != 1:
        return []
    return _levels(profile.target_columns[0])


def _levels(column: Column) -> list[tuple[Any, int]]:
    """Return a column's most frequent values with their counts."""
    levels = column.facts.get("levels") or ()
    return [(value, int(rows)) for value, rows in (levels.items() if isinstance(levels, Mapping) else levels)]


def _class_bars(profile: Profile, language: str) -> list[tuple[str, str, str, float]]:
    counts = _class_counts(profile)[:MOST_BARS]
    largest = max((rows for _, rows in counts), default=1)
    return [
        (
            str(value),
            thousands(rows, language),
            percent(rows / max(1, profile.rows), language),
            rows / largest,
        )
        for value, rows in counts
    ]


def _columns(
    profile: Profile, preparation: Iterable[tuple[str, str, Message]], language: str
) -> list[dict[str, Any]]:
    done = defaultdict(list)
    for name, _, message in preparation:
        done[name].append(sentence(message.text(language)))
    return [
        {
            "name": column.name,
            "kind": say(f"report.kind.{column.kind}", language),
            "used": column.used,
            "reason": sentence(column.reason.text(language)),
            "missing": _missing(column, profile.rows, language),
            "values": _values(column, profile.rows, language),
            "range": _range(column),
            "done": done[column.name],
        }
        for column in profile.columns
    ]


def _missing(column: Column, rows: int, language: str) -> str:
    if not column.missing:
        return ""
    values = {
        "count": thousands(column.missing, language),
        "share": percent(column.missing / max(1, rows), language),
    }
    return say("report.data.missing", language, **values)


def _values(column: Column, rows: int, language: str) -> str:
    """Return the values of a column in a few words."""
    facts = column.facts
    low, high, median = (facts.get(name) for name in ("minimum", "maximum", "median"))
    if column.kind == "number" and low is not None and high is not None and median is not None:
        ends = {
            "low": number(low, language),
            "high": number(high, language),
            "median": number(median, language),
        }
        return say("report.data.range", language, **ends)
    known = max(1, rows - column.missing)
    if column.kind in ("category", "boolean"):
        named = [
            f"{shortened(str(value), 20)} {percent(times / known, language, 0)}"
            for value, times in _levels(column)[:3]
            if times / known > LEAST_SHARE
        ]
        if named:
            return ", ".join(named) + (", …" if column.distinct > len(named) else "")
    return say("report.data.distinct", language, count=column.distinct)


def _range(column: Column) -> tuple[float, float, float] | None:
    """Return where the mean less and plus a deviation and the median lie, between 0 and 100."""
    names = ("minimum", "maximum", "mean", "deviation", "median")
    facts = [column.facts.get(name) for name in names]
    if column.kind != "number" or any(value is None for value in facts):
        return None
    low, high, mean, deviation, median = (float(value) for value in facts if value is not None)
    if not high > low:
        return None

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 1)

    return place(mean - deviation), place(mean + deviation), place(median)
