"""Suspected leakage in words: columns that tell the target too well, sums, dates after the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from goodfit.data.analysis import later_dates, leakage, texts
from goodfit.data.analysis.discrete import discrete, some_rows
from goodfit.data.analysis.percent import percent
from goodfit.data.columns import as_numbers
from goodfit.data.table import Profile
from goodfit.messages import Message

__all__ = ["after_the_time", "as_columns", "said_by_texts", "spans_that_tell", "suspected_leaks"]


def said_by_texts(
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


def as_columns(said: Mapping[str, texts.Values], known: Profile) -> list[pl.Series]:
    """Return what texts say of the target as columns: numbers, or names of classes."""
    kind = pl.String if known.task == "multiclass" else pl.Float64
    return [pl.Series(name, values).cast(kind) for name, values in said.items()]


def suspected_leaks(
    columns: Sequence[pl.Series],
    target: pl.Series,
    said: Mapping[str, texts.Values],
    few: pl.Series,
    known: Profile,
) -> list[Message]:
    """Return which columns tell the target nearly alone, or add up to it.

    Parameters
    ----------
    columns, target
        In some rows.
    said, few
        What texts say, and the target, in some of these.
    """
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
    found += _entered_with_it(columns, target, [message.values["column"] for message in found], classes)
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


def _entered_with_it(
    columns: Sequence[pl.Series], target: pl.Series, suspected: Sequence[str], classes: bool
) -> list[Message]:
    """Return which of the suspected columns tell the target by being there or not."""
    there = [
        series.is_not_null()
        for series in columns
        if series.name in suspected and 0 < series.null_count() < len(series)
    ]
    return [
        Message(
            "profile.remark.leak-presence",
            {"column": teller.name, "target": target.name, "percent": percent(teller.score)},
        )
        for teller in leakage.tellers(there, target, classes=classes)
    ]


def after_the_time(columns: Sequence[pl.Series], time_column: str | None) -> list[Message]:
    """Return the dates that lie after the time of the rows."""
    dates = [series for series in columns if series.dtype.is_temporal()]
    time = next((series for series in dates if series.name == time_column), None)
    found = []
    for date in [] if time is None else later_dates.after_the_time(dates, time):
        values = {"column": date.later, "time": date.first, "percent": percent(date.share)}
        found.append(Message("profile.remark.after-the-time", values))
    return found


def spans_that_tell(
    columns: Sequence[pl.Series], target: pl.Series, shares: Mapping[str, float]
) -> list[Message]:
    """Return the dates that follow on another one, so that the time between tells the target."""
    dates = [series for series in columns if series.dtype.is_temporal()]
    found = []
    for date in later_dates.telling_spans(dates, target, shares):
        values = {"column": date.later, "first": date.first, "percent": percent(date.share)}
        told = {"target": target.name, "tells": percent(date.tells or 0.0)}
        found.append(Message("profile.remark.later-date", {**values, **told}))
    return found
