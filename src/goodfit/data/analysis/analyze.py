"""goodfit.profile: a table to its TableAnalysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from goodfit.data.analysis import associations, drift, leakage, texts
from goodfit.data.analysis.discrete import discrete, some_rows
from goodfit.data.analysis.distributions import QUANTILE_ROWS, analyze_column, suspicious_values
from goodfit.data.analysis.duplicates import find_duplicates
from goodfit.data.analysis.missingness import missing_patterns
from goodfit.data.analysis.percent import percent
from goodfit.data.analysis.results import ColumnAnalysis, Duplicates, Pair, TableAnalysis
from goodfit.data.casting import read_column, read_target, usable_rows
from goodfit.data.columns import as_numbers
from goodfit.data.profile import alike_notes, describe_columns, dropped_notes
from goodfit.data.profile import profile as decide_columns
from goodfit.data.read import read
from goodfit.data.table import Column, Profile, Table
from goodfit.data.task import likely_typos
from goodfit.messages import Message

__all__ = ["analyze", "profile"]

IMBALANCED = 0.3
"""Share of a class, relative to that of even classes, below which the classes count as imbalanced."""
MOST_OUTLYING = 5
"""Columns with outliers that have a remark each; of more, one remark tells."""
MANY_LEVELS = 50


def profile(
    data: Any,
    target: str | Sequence[str] | None = None,
    *,
    against: Any = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    **reading: Any,
) -> TableAnalysis:
    """Look closely at a table: its columns, what is missing, repeated, suspicious, and what tells the target.

    Everything is counted in all rows, except for quantiles (at most 100,000 rows), associations, leakage and
    drift (20,000; 5,000 for texts): the samples are drawn alike each time and their sizes stated.

    Parameters
    ----------
    data
        As for `goodfit.train`: a path, a frame, ``(X, y)``, a dict of columns.
    target
        Column to predict, or several; None to look at the columns only.
    against
        Another table, a file of new rows say, to compare with.
    task, columns
        As for `goodfit.train`.
    name
        What the table is called.
    reading
        ``delimiter, encoding, decimal, null_values``: how a text file is written.

    Raises
    ------
    InputError
        The table cannot be read, or the target cannot be learned.

    Examples
    --------
    >>> import goodfit
    >>> rows = range(200)
    >>> sizes = [i % 37 for i in rows]
    >>> found = goodfit.profile({"size": sizes, "twice": [2 * size for size in sizes], "one": [1] * 200})
    >>> [(pair.first, pair.second) for pair in found.pairs]
    [('size', 'twice')]
    """
    table = read(data, columns=columns, name=name, **reading)
    wanted = target if target is not None else table.targets
    known = None
    if wanted:
        known = decide_columns(table, wanted, task=task, columns=columns, minimum_rows=1, minimum_columns=0)
    other = None if against is None else read(against, columns=columns, **reading)
    return analyze(table, known, columns=columns, against=other)


def analyze(
    table: Table,
    known: Profile | None,
    *,
    columns: Mapping[str, str] | None = None,
    against: Table | None = None,
) -> TableAnalysis:
    """Look closely at a table that was read, and whose columns are known where it has a target.

    Parameters
    ----------
    known
        What its columns are; None: without a target, by the rules.
    columns
        Kinds by name that were told, for a table without a target.
    against
        Another table to compare with.
    """
    if known is None:
        described = describe_columns(table.frame, columns or {}, table.decimal)
        frame = table.frame
    else:
        described, frame = known.columns, table.frame[usable_rows(table, known)]
    typed = [_typed(frame[column.name], column) for column in described]
    analyses = [analyze_column(series, column) for series, column in zip(typed, described, strict=True)]
    targets, target_series = _targets(frame, known)
    sample = some_rows(frame.height, associations.MOST_ROWS)
    used = [column for column in described if column.used]
    taken = {series.name: series.gather(sample) for series in typed}
    some = [taken[column.name] for column in used if column.kind != "text"]
    written = [taken[column.name] for column in used if column.kind == "text"]
    remarks: list[Message] = []
    if target_series is not None and known is not None:
        chosen = target_series.gather(sample)
        said, few = _said_by_texts(written, chosen, known)
        shares = associations.target_associations(some, chosen)
        shares |= associations.target_associations(_as_columns(said, known), few)
        analyses = [replace(each, association=shares.get(each.name)) for each in analyses]
        if len(used) > 1:
            remarks += _leaks(some, chosen, said, few, known)
        remarks += _target_remarks(targets[0], known)
    identifiers = [column.name for column in described if column.kind == "identifier"]
    by_class = list(known.targets) if known is not None and known.task != "regression" else []
    compared = pl.DataFrame([*typed, *(frame[name] for name in (known.targets if known else ()))])
    duplicates = find_duplicates(compared, identifiers, by_class)
    pairs = associations.same_pairs(some)
    remarks += _table_remarks(duplicates, pairs, frame.height)
    if target_series is not None:
        for name_, share in associations.missing_that_tells([*some, *written], target_series.gather(sample)):
            remarks.append(
                Message("profile.remark.missing-tells", {"column": name_, "percent": percent(share)})
            )
    for series, analysis in zip(typed, analyses, strict=True):
        remarks += _column_remarks(series, analysis, frame[analysis.name])
    if known is not None and known.task == "regression":
        for analysis in targets:
            column = next(each for each in known.target_columns if each.name == analysis.name)
            remarks += suspicious_values(read_target(frame[analysis.name], column), analysis)
    complete, patterns = missing_patterns(compared)
    sizes = {"quantiles": QUANTILE_ROWS, "associations": associations.MOST_ROWS}
    if written and target_series is not None:
        sizes["texts"] = texts.MOST_ROWS
    return TableAnalysis(
        source=table.source.name,
        rows=frame.height,
        columns=tuple(analyses),
        targets=tuple(targets),
        task=None if known is None else known.task,
        task_reason=None if known is None else known.task_reason,
        complete_rows=complete,
        patterns=patterns,
        duplicates=duplicates,
        pairs=pairs,
        remarks=(*_gathered(remarks), *alike_notes(described), *dropped_notes(described)),
        notes=(*table.notes, *_other_notes(known)),
        drift=None
        if against is None
        else drift.find_drift(table, described, against, [each.column for each in targets]),
        samples={key: size for key, size in sizes.items() if size < frame.height},
    )


def _other_notes(known: Profile | None) -> list[Message]:
    """Return the profile's notes but for those of columns, which the remarks tell."""
    notes = () if known is None else known.notes
    told = ("notes.profile.dropped-", "notes.profile.alike", "profile.remark.")
    return [note for note in notes if not note.code.startswith(told)]


def _typed(series: pl.Series, column: Column) -> pl.Series:
    if column.kind in ("number", "boolean", "datetime", "category"):
        return read_column(series, column.kind, column.facts)
    return series


def _targets(frame: pl.DataFrame, known: Profile | None) -> tuple[list[ColumnAnalysis], pl.Series | None]:
    """Return the targets' distributions, and the values of a single one."""
    if known is None:
        return [], None
    series = [read_target(frame[column.name], column) for column in known.target_columns]
    if known.task == "regression":
        facts = [describe_columns(values.to_frame(), {values.name: "number"})[0] for values in series]
        merged = [
            replace(column, kind="number", facts={**found.facts, **column.facts})
            for column, found in zip(known.target_columns, facts, strict=True)
        ]
        analyses = [analyze_column(values, column) for values, column in zip(series, merged, strict=True)]
    else:
        analyses = [analyze_column(series[0], known.target_columns[0])]
    return analyses, series[0] if len(series) == 1 else None


def _said_by_texts(
    columns: Sequence[pl.Series], target: pl.Series, known: Profile
) -> tuple[dict[str, texts.Values], pl.Series]:
    """Return what each column of texts says of the target, in some rows, and the target in these."""
    classes = known.task != "regression"
    rows = some_rows(len(target), texts.MOST_ROWS)
    few = target.gather(rows)
    wanted = discrete(few, len(few)).astype(np.float64) if classes else as_numbers(few)
    said = {
        series.name: texts.told_by_texts(series.gather(rows), wanted, classes=classes) for series in columns
    }
    return said, few


def _as_columns(said: Mapping[str, texts.Values], known: Profile) -> list[pl.Series]:
    kind = pl.String if known.task == "multiclass" else pl.Float64
    return [pl.Series(name, values).cast(kind) for name, values in said.items()]


def _leaks(
    columns: Sequence[pl.Series],
    target: pl.Series,
    said: Mapping[str, texts.Values],
    few: pl.Series,
    known: Profile,
) -> list[Message]:
    classes = known.task != "regression"
    by_texts = leakage.telling_texts(said, few, classes=classes)
    rows = some_rows(len(target), leakage.MOST_ROWS)
    columns, target = [series.gather(rows) for series in columns], target.gather(rows)
    found = []
    for teller in [*leakage.tellers(columns, target, classes=classes), *by_texts]:
        facts = {"column": teller.name, "target": target.name}
        if classes:
            shares = {"percent": percent(teller.score), "chance": percent(teller.chance)}
            found.append(Message("profile.remark.leak-class", {**facts, **shares}))
        else:
            found.append(Message("profile.remark.leak-number", {**facts, "percent": percent(teller.score)}))
    total = None if classes else leakage.sum_of_columns(columns, target)
    if total is not None:
        terms = [
            f"{weight:+.4g} × {name}"
            if abs(abs(weight) - 1) > 1e-3
            else f"{'+' if weight > 0 else '-'} {name}"
            for name, weight in zip(total.names, total.weights, strict=True)
        ]
        found.append(
            Message(
                "profile.remark.leak-sum", {"target": target.name, "sum": " ".join(terms).removeprefix("+ ")}
            )
        )
    return found


def _target_remarks(target: ColumnAnalysis, known: Profile) -> list[Message]:
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


def _table_remarks(duplicates: Duplicates, pairs: Sequence[Pair], rows: int) -> list[Message]:
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


def _gathered(remarks: Sequence[Message]) -> list[Message]:
    """Return the remarks, outliers in many columns as one."""
    outlying = [remark for remark in remarks if remark.code == "profile.remark.outliers"]
    if len(outlying) <= MOST_OUTLYING:
        return list(remarks)
    rest = [remark for remark in remarks if remark.code != "profile.remark.outliers"]
    outlying.sort(key=lambda remark: -int(remark.values["count"]))
    shown = [f"{remark.values['column']} ({remark.values['count']})" for remark in outlying[:8]]
    return [*rest, Message("profile.remark.outliers-many", {"count": len(outlying), "columns": shown})]


def _column_remarks(series: pl.Series, analysis: ColumnAnalysis, raw: pl.Series) -> list[Message]:
    column, rows = analysis.column, max(1, len(series))
    remarks: list[Message] = []
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
    return remarks + suspicious_values(series, analysis)
