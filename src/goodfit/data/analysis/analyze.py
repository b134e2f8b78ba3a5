"""goodfit.profile: a table to its TableAnalysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from goodfit.data.analysis import associations, drift, texts
from goodfit.data.analysis.discrete import some_rows
from goodfit.data.analysis.distributions import QUANTILE_ROWS, analyze_column, suspicious_values
from goodfit.data.analysis.duplicates import find_duplicates
from goodfit.data.analysis.missingness import missing_patterns
from goodfit.data.analysis.percent import percent
from goodfit.data.analysis.remarks import (
    column_remarks,
    gathered,
    maybe_codes,
    table_remarks,
    target_remarks,
)
from goodfit.data.analysis.results import ColumnAnalysis, TableAnalysis
from goodfit.data.analysis.suspicions import (
    after_the_time,
    as_columns,
    said_by_texts,
    spans_that_tell,
    suspected_leaks,
)
from goodfit.data.casting import read_column, read_target, usable_rows
from goodfit.data.profile import alike_notes, check_time_column, describe_columns, dropped_notes, open_notes
from goodfit.data.profile import profile as decide_columns
from goodfit.data.read import read
from goodfit.data.table import Column, Profile, Table
from goodfit.messages import Message

__all__ = ["analyze", "profile"]


def profile(
    data: Any,
    target: str | Sequence[str] | None = None,
    *,
    against: Any = None,
    task: str | None = None,
    columns: Mapping[str, str] | None = None,
    time_column: str | None = None,
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
    time_column
        The time of the rows: other dates that lie after it are told.
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
        known = decide_columns(
            table,
            wanted,
            task=task,
            columns=columns,
            time_column=time_column,
            minimum_rows=1,
            minimum_columns=0,
        )
    other = None if against is None else read(against, columns=columns, **reading)
    return analyze(table, known, columns=columns, time_column=time_column, against=other)


def analyze(
    table: Table,
    known: Profile | None,
    *,
    columns: Mapping[str, str] | None = None,
    time_column: str | None = None,
    against: Table | None = None,
) -> TableAnalysis:
    """Look closely at a table that was read, and whose columns are known where it has a target.

    Parameters
    ----------
    known
        What its columns are; None: without a target, by the rules.
    columns, time_column
        Kinds by name that were told, and the time of the rows, for a table without a target.
    against
        Another table to compare with.
    """
    if known is None:
        described = describe_columns(table.frame, columns or {}, table.decimal)
        check_time_column(table, described, time_column)
        frame = table.frame
    else:
        described, frame = known.columns, table.frame[usable_rows(table, known)]
        time_column = known.time_column
    typed = [_typed(frame[column.name], column) for column in described]
    analyses = [analyze_column(series, column) for series, column in zip(typed, described, strict=True)]
    targets, target_series = _targets(frame, known)
    sample = some_rows(frame.height, associations.MOST_ROWS)
    used = [column for column in described if column.used]
    taken = {series.name: series.gather(sample) for series in typed}
    some = [taken[column.name] for column in used if column.kind != "text"]
    written = [taken[column.name] for column in used if column.kind == "text"]
    later, remarks = after_the_time(some, time_column), []
    if target_series is not None and known is not None:
        chosen = target_series.gather(sample)
        said, few = said_by_texts(written, chosen, known)
        shares = associations.target_associations(some, chosen)
        shares |= associations.target_associations(as_columns(said, known), few)
        analyses = [replace(each, association=shares.get(each.name)) for each in analyses]
        if len(used) > 1:
            remarks += suspected_leaks(some, chosen, said, few, known)
        telling = spans_that_tell(some, chosen, shares)
        told = {remark.values["column"] for remark in telling}
        later = [remark for remark in later if remark.values["column"] not in told]
        remarks += telling
        remarks += target_remarks(targets[0], known)
    remarks = [*later, *remarks]
    identifiers = [column.name for column in described if column.kind == "identifier"]
    by_class = list(known.targets) if known is not None and known.task != "regression" else []
    compared = pl.DataFrame([*typed, *(frame[name] for name in (known.targets if known else ()))])
    duplicates = find_duplicates(compared, identifiers, by_class)
    pairs = associations.same_pairs(some)
    remarks += table_remarks(duplicates, pairs, frame.height)
    if target_series is not None:
        for name_, share in associations.missing_that_tells([*some, *written], target_series.gather(sample)):
            remarks.append(
                Message("profile.remark.missing-tells", {"column": name_, "percent": percent(share)})
            )
    for series, analysis in zip(typed, analyses, strict=True):
        remarks += column_remarks(series, analysis, frame[analysis.name])
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
        remarks=(
            *gathered(remarks),
            *open_notes(described),
            *alike_notes(described),
            *dropped_notes(described),
        ),
        notes=(*table.notes, *_other_notes(known), *maybe_codes(described)),
        drift=None
        if against is None
        else drift.find_drift(table, described, against, [each.column for each in targets]),
        samples={key: size for key, size in sizes.items() if size < frame.height},
    )


def _other_notes(known: Profile | None) -> list[Message]:
    """Return the profile's notes but for those of columns, which the remarks tell."""
    if known is None:
        return []
    notes = known.notes
    told = {note.code for each in (dropped_notes, alike_notes, open_notes) for note in each(known.columns)}
    return [note for note in notes if note.code not in told and not note.code.startswith("profile.remark.")]


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
