"""Applying: turn a table into tensors by what was learned from the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.cores import cores
from goodfit.data.columns import (
    as_categorical,
    as_numbers,
    category_codes,
    cycle_phase,
    elapsed_days,
)
from goodfit.data.outliers import without_outliers
from goodfit.data.preparation import (
    BooleanColumn,
    CategoryColumn,
    DatetimeColumn,
    Inputs,
    NumberColumn,
    Preparation,
    PreparedColumn,
    TextColumn,
)
from goodfit.data.scaling import scale
from goodfit.data.text_vectors import text_numbers
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["apply_preparation"]

BLOCK = 65_536
NAMED_VALUES = 5


def apply_preparation(preparation: Preparation, frame: pl.DataFrame, source: str = "frame") -> Inputs:
    """Turn every row of ``frame`` into numbers and category codes; the numbers are always finite.

    Missing, NaN and infinite values are treated alike. Extra columns and the order of columns do not
    matter. Works in blocks of rows or a column at a time, so that beyond the result it needs next to no
    memory.

    Parameters
    ----------
    preparation
        What was learned from the training rows.
    frame
        A table typed as the one learned from.
    source
        What the table is called in messages.

    Raises
    ------
    InputError
        A column is missing, or holds another type of value than it did in training.
    """
    names = set(frame.columns)
    for column in preparation.columns:
        if column.name not in names:
            raise InputError("prepare.column-missing", column=column.name, source=source)
        _check_type(column, frame[column.name], source)
    numbers = np.empty((frame.height, len(preparation.number_names)), dtype=np.float32)
    categories = np.empty((frame.height, len(preparation.categories)), dtype=np.int32)
    columns = [column for column in preparation.columns if not isinstance(column, CategoryColumn)]

    def fill(start: int) -> None:
        rows = slice(start, start + BLOCK)
        places = iter(range(numbers.shape[1]))
        for column in columns:
            for values in _numbers_of(column, frame[column.name][rows]):
                numbers[rows, next(places)] = values

    def look_up(place: int) -> Message | None:
        column = preparation.categories[place]
        series = as_categorical(frame[column.name])
        physical, texts = category_codes(series)
        np.take(_codes_of(column, texts), physical, out=categories[:, place], mode="clip")
        return _never_seen(column, texts, physical)

    with ThreadPoolExecutor(cores()) as threads:
        filling = threads.map(fill, range(0, frame.height, BLOCK))
        notes = [look_up(place) for place in range(categories.shape[1])]
        list(filling)
    return Inputs(numbers, categories, tuple(note for note in notes if note is not None))


def _check_type(column: PreparedColumn, series: pl.Series, source: str) -> None:
    dtype = series.dtype
    fits = {
        "number": dtype.is_numeric(),
        "boolean": dtype.is_numeric() or dtype == pl.Boolean,
        "datetime": dtype in (pl.Date, pl.Datetime),
        "category": not dtype.is_nested(),
        "text": not dtype.is_nested(),
    }
    if not fits[column.kind] and dtype != pl.Null:
        values = {"column": column.name, "source": source, "dtype": str(dtype)}
        raise InputError(f"prepare.column-type-{column.kind}", **values)


def _numbers_of(
    column: NumberColumn | BooleanColumn | DatetimeColumn | TextColumn, series: pl.Series
) -> list[NDArray[Any]]:
    if isinstance(column, TextColumn):
        texts = [*text_numbers(column, series).T]
        return [*texts, series.is_null().to_numpy()] if column.indicator else texts
    if isinstance(column, DatetimeColumn):
        days = elapsed_days(series)
        missing = np.isnan(days)
        outputs: list[NDArray[Any]] = [_scaled(days, missing, column.elapsed)]
        for cycle in column.cycles:
            angle = 2 * np.pi * cycle_phase(series, cycle)
            outputs += [np.nan_to_num(np.sin(angle)), np.nan_to_num(np.cos(angle))]
        return [*outputs, missing] if column.indicator else outputs
    values = as_numbers(series)
    if isinstance(column, NumberColumn) and column.outliers is not None:
        values = without_outliers(values, column.outliers)
    missing = ~np.isfinite(values)
    if isinstance(column, BooleanColumn):
        scaled = np.where(missing, 0.0, np.where(values > 0, 1.0, -1.0))
    else:
        scaled = _scaled(values, missing, column)
    return [scaled, missing] if column.indicator else [scaled]


def _scaled(
    values: NDArray[np.float64], missing: NDArray[np.bool_], column: NumberColumn
) -> NDArray[np.float64]:
    values[missing] = column.fill
    return scale(values, column.scaling, column.parameters)


def _codes_of(column: CategoryColumn, texts: Sequence[str | None]) -> NDArray[np.int32]:
    """Return the code of each text; the last stands for a missing value."""
    place = {text: place for place, text in enumerate(column.levels, start=1)}
    codes = [0 if text is None else place.get(text, 0) for text in texts]
    codes[-1] = place.get(None, 0)
    return np.array(codes, dtype=np.int32)


def _never_seen(
    column: CategoryColumn, texts: Sequence[str | None], numbers: NDArray[np.uint32]
) -> Message | None:
    known = {*column.levels, *column.rare, None}
    new = [number for number, text in enumerate(texts) if text not in known]
    if not new:
        return None
    counts = np.bincount(numbers, minlength=len(texts))
    named = sorted(str(texts[number]) for number in new)[:NAMED_VALUES]
    return Message(
        "prepare.never-seen",
        {"count": int(counts[new].sum()), "column": column.name, "distinct": len(new), "values": named},
    )
