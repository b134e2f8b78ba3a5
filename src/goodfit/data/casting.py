"""A table brought to the types that a profile names: the table it was made from, or any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.data.dates import parse_dates
from goodfit.data.missing import is_text
from goodfit.data.numbers import NumberFormat, parse_numbers
from goodfit.data.spellings import with_one_spelling
from goodfit.data.table import Column, Profile, Table
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["as_texts", "cast", "read_column", "read_target", "usable_rows"]

SHOWN = 5


def cast(table: Table, profile: Profile, *, target: bool = True) -> Table:
    """Return the table with the columns that the network uses, as the profile types them.

    Columns come in the profile's order, whatever their order in the table, followed by the targets, the
    group column and the time column. Numbers are numeric and finite or null, categories String or
    Categorical, yes/no columns Boolean, dates Datetime in microseconds; targets of a regression are
    Float64, classes have exactly the values of ``profile.classes``. Categories that the profile has not seen
    stay as they are.

    Parameters
    ----------
    target
        True: the targets are needed, rows without one are dropped with a note. False, for predictions:
        all rows stay in their order, and targets are left out.

    Raises
    ------
    InputError
        A column is missing, one of numbers or dates holds none, or a target is of an unknown class.
    """
    _refuse_missing(table, profile, target)
    keep = usable_rows(table, profile) if target else None
    frame = table.frame
    notes: list[Message] = []
    if keep is not None and len(keep) == frame.height:
        keep = None
    if keep is not None:
        notes.append(Message("notes.profile.rows-dropped", {"count": frame.height - len(keep)}))
        frame = frame[keep]
    columns: dict[str, pl.Series] = {}
    wanted = list(profile.used)
    if target:
        wanted += [
            column for column in profile.columns if column.name == profile.time_column and not column.used
        ]
    for column in wanted:
        columns[column.name], unread = _cast_column(frame[column.name], column, table)
        if unread:
            values = {"column": column.name, "count": len(unread), "examples": _examples(unread)}
            notes.append(Message(f"notes.profile.unread-{_sort(column)}", values))
    if target:
        for column in profile.target_columns:
            columns[column.name] = _cast_target(frame[column.name], column, profile, table, notes)
        if profile.group_column is not None:
            columns[profile.group_column] = frame[profile.group_column]
    extra = _extra(table, profile)
    if extra:
        values = {"count": len(extra), "names": [repr(name) for name in extra[:SHOWN]]}
        notes.append(Message("notes.profile.extra-columns", values))
    return Table(
        pl.DataFrame(list(columns.values())), table.source, tuple(notes), table.targets, table.decimal, keep
    )


def usable_rows(table: Table, profile: Profile) -> NDArray[np.int64]:
    """Return the numbers of the rows that have every target; `cast` keeps these, in this order."""
    usable = pl.Series([True]).new_from_index(0, table.frame.height)
    for column in profile.target_columns:
        if column.name not in table.frame.columns:
            raise _missing_columns([column.name], table)
        usable &= read_target(table.frame[column.name], column).is_not_null()
    return usable.arg_true().to_numpy().astype(np.int64)


def read_column(series: pl.Series, kind: str, facts: Mapping[str, Any]) -> pl.Series:
    """Return a column's values as numbers, yes/no, dates or texts; what does not parse becomes null.

    Parameters
    ----------
    kind
        ``number``, ``integer``, ``boolean``, ``datetime``, ``category``, ``text``, or ``other``: as it is.
    facts
        How they are written, see `goodfit.data.columns.Written`.
    """
    if kind == "number":
        return _numbers(series, facts)
    if kind == "integer":
        numbers = _numbers(series, facts)
        return numbers if numbers.dtype.is_integer() else _whole(numbers)
    if kind == "boolean":
        return _yes_no(series, facts)
    if kind == "datetime":
        if isinstance(series.dtype, pl.Datetime):
            return series.cast(pl.Datetime("us"))
        formats = facts.get("formats") or ["%Y-%m-%d", "%Y/%m/%d"]
        return parse_dates(as_texts(series), formats)
    if kind in ("category", "text"):
        texts = series if is_text(series) else as_texts(series)
        return with_one_spelling(texts, facts["alike"]) if facts.get("alike") else texts
    return series


def read_target(series: pl.Series, column: Column) -> pl.Series:
    """Return a target's values as its column says (`goodfit.data.task.target_column`); missing ones null."""
    typed = read_column(series, str(column.facts["type"]), column.facts)
    return typed.cast(pl.String) if typed.dtype == pl.Categorical else typed


def as_texts(series: pl.Series) -> pl.Series:
    """Return the values as texts; whole numbers without a point, so that 3 and 3.0 are one category."""
    if series.dtype.is_float():
        whole = (series == series.round()) & (series.abs() < 2**53)
        texts = (
            pl.when(whole)
            .then(series.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(series.cast(pl.String))
        )
        return pl.select(texts).to_series().alias(series.name)
    if isinstance(series.dtype, pl.Datetime):
        return series.dt.to_string("%Y-%m-%d %H:%M:%S")
    return series.cast(pl.String)


def _numbers(series: pl.Series, facts: Mapping[str, Any]) -> pl.Series:
    if series.dtype == pl.Boolean:
        return series.cast(pl.Int8)
    if series.dtype.is_numeric():
        return series
    if isinstance(series.dtype, pl.Datetime):
        return pl.Series(series.name, [None], pl.Float64).new_from_index(0, len(series))
    written = facts.get("written")
    form = NumberFormat.from_dict(written) if written else NumberFormat()
    return finite(parse_numbers(series.cast(pl.String), form))


def finite(numbers: pl.Series) -> pl.Series:
    """Return the numbers without those that do not fit 32 bits."""
    return pl.select(pl.when(numbers.abs() <= 3e38).then(numbers)).to_series().alias(numbers.name)


def _whole(numbers: pl.Series) -> pl.Series:
    fits = (numbers == numbers.round()) & (numbers.abs() < 2**53)
    return pl.select(pl.when(fits).then(numbers).cast(pl.Int64)).to_series().alias(numbers.name)


def _yes_no(series: pl.Series, facts: Mapping[str, Any]) -> pl.Series:
    if series.dtype == pl.Boolean:
        return series
    if series.dtype.is_numeric():
        read = pl.when(series == 1).then(True).when(series == 0).then(False)
    else:
        lower = series.cast(pl.String).str.to_lowercase()
        yes = [*(text.lower() for text in facts.get("true", ())), "true", "1"]
        no = [*(text.lower() for text in facts.get("false", ())), "false", "0"]
        read = pl.when(lower.is_in(yes)).then(True).when(lower.is_in(no)).then(False)
    return pl.select(read).to_series().cast(pl.Boolean).alias(series.name)


def _sort(column: Column) -> str:
    return column.kind if column.kind in ("number", "boolean", "datetime") else "number"


def _cast_column(series: pl.Series, column: Column, table: Table) -> tuple[pl.Series, Sequence[Any]]:
    """Return the column typed, and its values that could not be read so."""
    kind = column.kind if column.used else "other"
    typed = read_column(series, kind, column.facts)
    if typed.null_count() == series.null_count():
        return typed, []
    lost = series.filter(typed.is_null() & series.is_not_null()).to_list()
    if typed.null_count() == len(typed):
        raise InputError(
            f"profile.no-{_sort(column)}s",
            column=column.name,
            file=table.source.name,
            examples=_examples(lost),
        )
    return typed, lost


def _cast_target(
    series: pl.Series, column: Column, profile: Profile, table: Table, notes: list[Message]
) -> pl.Series:
    typed = read_target(series, column)
    if profile.task == "regression":
        return typed.cast(pl.Float64)
    if typed.dtype.is_integer():
        typed = typed.cast(pl.Int64)
    found = typed.unique().to_list()
    unknown = [value for value in found if value not in profile.classes]
    if not unknown:
        return typed
    alike = _alike(unknown, profile.classes)
    if alike is None:
        raise InputError(
            "target.unknown-classes",
            column=column.name,
            file=table.source.name,
            classes=[repr(value) for value in sorted(unknown, key=str)[:SHOWN]],
            known=[repr(value) for value in profile.classes[:20]],
        )
    spelled = [f"{old!r} = {new!r}" for old, new in sorted(alike.items())]
    notes.append(Message("notes.profile.classes-alike", {"column": column.name, "pairs": spelled}))
    return typed.replace(alike)


def _alike(unknown: Sequence[Any], classes: Iterable[Any]) -> dict[Any, Any] | None:
    """Return which known class each unknown one means, where they differ by case or a dot at the end only."""
    plain = {str(known).casefold().rstrip(" ."): known for known in classes}
    alike = {
        value: plain.get(str(value).casefold().rstrip(" .")) for value in unknown if isinstance(value, str)
    }
    if len(alike) < len(unknown) or None in alike.values() or len(set(alike.values())) < len(alike):
        return None
    return alike


def _refuse_missing(table: Table, profile: Profile, target: bool) -> None:
    needed = [column.name for column in profile.used]
    if target:
        needed += profile.targets
        needed += [name for name in (profile.group_column, profile.time_column) if name is not None]
    there = set(table.frame.columns)
    missing = [name for name in dict.fromkeys(needed) if name not in there]
    if missing:
        raise _missing_columns(missing, table)


def _missing_columns(missing: Sequence[str], table: Table) -> InputError:
    return InputError(
        "profile.missing-columns",
        count=len(missing),
        file=table.source.name,
        names=[repr(name) for name in missing[:SHOWN]],
        found=[repr(name) for name in table.frame.columns[:20]],
    )


def _extra(table: Table, profile: Profile) -> list[str]:
    known = {column.name for column in profile.columns} | {*profile.targets, profile.group_column}
    return [name for name in table.frame.columns if name not in known]


def _examples(values: Sequence[Any]) -> list[str]:
    shown = dict.fromkeys(str(value) for value in values[:1000])
    return [repr(value) for value in list(shown)[:3]]
