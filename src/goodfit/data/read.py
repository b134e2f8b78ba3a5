"""Read a table, whatever it comes as: a file, a frame, arrays."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from goodfit.data.frames import content_hash, flat, from_memory
from goodfit.data.missing import clean, different_texts, is_text, null_spellings
from goodfit.data.numbers import parse_numbers, recognise_numbers
from goodfit.data.table import Source, Table
from goodfit.data.text_file import read_text_file
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["read"]

READ_AS_TEXT = ("category", "text", "identifier", "boolean")
SAID_WITHOUT_ASKING = 12


def read(
    data: Any,
    *,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    null_values: Sequence[str] | None = None,
) -> Table:
    """Read a table from a file or from memory.

    Of a text file the encoding, delimiter, quotes, decimal sign and null spellings are recognised, unless
    told, and the table's notes say what was understood.

    Parameters
    ----------
    data
        Path of a delimited text file (also gzipped) or of a Parquet file; a pandas or polars frame (a
        pandas index is left out); ``(X, y)`` or a matrix, as arrays, lists or tensors; a dict of columns.
    columns
        Kinds of columns by name; those told to be categories, texts or identifiers are read as text, so
        that leading zeros stay.
    name
        What the table is called in messages.
    delimiter, encoding, decimal
        How a text file is written; None: recognised.
    null_values
        Spellings that mean missing, instead of the usual ones.

    Raises
    ------
    InputError
        There is no such file, it is empty, a folder, binary, not decodable or ragged, a column name
        occurs twice, or ``data`` is no table.

    Examples
    --------
    >>> table = read({"age": [31, 45, None], "job": ["cook", " pilot", "?"]})
    >>> table.frame["job"].to_list()
    ['cook', 'pilot', None]
    >>> read(([[1.0, 2.0], [3.0, 4.0]], [0, 1])).targets
    ('target',)
    """
    _check_options(delimiter, decimal)
    nulls = null_spellings(null_values)
    if isinstance(data, (str, os.PathLike)):
        options: dict[str, Any] = {"delimiter": delimiter, "encoding": encoding, "decimal": decimal}
        return _read_file(Path(data), name, columns or {}, nulls, options)
    found = from_memory(data)
    if found is None:
        raise InputError("read.unknown-type", type=type(data).__name__)
    frame, targets, container = found
    sha256 = None
    frame, notes = flat(frame)
    if frame.width == 0:
        raise InputError("read.no-columns", file=name or "frame")
    if frame.height == 0:
        raise InputError("read.no-rows", file=name or "frame")
    sha256 = content_hash(frame)
    frame, spelled, more = clean(frame, nulls)
    source = Source(name or ("arrays" if container == "array" else "frame"), None, sha256, container)
    return Table(frame, source, (*notes, *_null_note(spelled), *more), targets)


def _check_options(delimiter: str | None, decimal: str | None) -> None:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\n\r' or not delimiter.isascii()):
        raise InputError("read.bad-delimiter", delimiter=repr(delimiter))
    if decimal is not None and decimal not in (".", ","):
        raise InputError("read.bad-decimal", decimal=repr(decimal))


def _read_file(
    path: Path, name: str | None, columns: Mapping[str, str], nulls: Sequence[str], options: dict[str, Any]
) -> Table:
    called = name or path.name
    try:
        if path.is_dir():
            raise InputError("read.directory", path=str(path))
        if path.stat().st_size == 0:
            raise InputError("read.empty", file=called)
        with ThreadPoolExecutor(1) as beside:
            hashing = beside.submit(_file_hash, path)
            frame, decimal, notes = _parse_file(path, called, columns, nulls, options)
            sha256 = hashing.result()
    except FileNotFoundError:
        raise InputError("read.file-missing", path=str(path)) from None
    except PermissionError:
        raise InputError("read.no-permission", path=str(path)) from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("read.unreadable", path=str(path), problem=str(error)) from None
    if frame.height == 0:
        raise InputError("read.no-rows", file=called)
    source = Source(called, str(path), sha256, "file")
    return Table(frame, source, notes, (), decimal)


def _parse_file(
    path: Path, called: str, columns: Mapping[str, str], nulls: Sequence[str], options: dict[str, Any]
) -> tuple[pl.DataFrame, str, tuple[Message, ...]]:
    """Return the frame, the decimal sign and notes."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        frame, notes = flat(_read_parquet(path, called))
        frame, spelled, more = clean(frame, nulls)
        return frame, ".", (*notes, *_null_note(spelled), *more)
    as_text = [column for column, kind in columns.items() if kind in READ_AS_TEXT]
    frame, form, seen, notes = read_text_file(path, called, as_text=as_text, nulls=nulls, **options)
    frame, spelled, more = clean(frame, nulls)
    if form.decimal == ",":
        frame = _cast_decimal_commas(frame, as_text)
    return frame, form.decimal, (*notes, *_null_note(sorted({*spelled, *seen})), *more)


def _read_parquet(path: Path, name: str) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        raise InputError("read.broken-parquet", file=name) from None
    if frame.width == 0:
        raise InputError("read.no-columns", file=name)
    return frame


def _cast_decimal_commas(frame: pl.DataFrame, as_text: Sequence[str]) -> pl.DataFrame:
    """Cast the columns in which every text is a number with a decimal comma."""
    cast = []
    for series in frame:
        if not is_text(series) or series.name in as_text:
            continue
        values, rows = different_texts(series)
        found = recognise_numbers(values, rows, ",")
        if found is not None and found.share == 1.0 and not found.format.unit:
            cast.append(parse_numbers(series.cast(pl.String), found.format))
    return frame.with_columns(cast)


def _null_note(spelled: Sequence[str]) -> tuple[Message, ...]:
    if not spelled:
        return ()
    return (
        Message("notes.read.nulls", {"spellings": [repr(text) for text in spelled[:SAID_WITHOUT_ASKING]]}),
    )


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
