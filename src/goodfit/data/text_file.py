"""A delimited text file to a frame: polars parses it with the types that a sample shows."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import polars as pl

from goodfit.data.missing import NULL_SPELLINGS
from goodfit.data.text_format import (
    HEAD,
    TextFormat,
    decode,
    eight_bit_encoding,
    recognise_encoding,
    recognise_format,
    rows_of,
    separated_by_blanks,
    with_tabs,
)
from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["read_text_file"]

EIGHT_BITS = ("cp1252", "latin-1")
LARGE = 50_000_000  # bytes of text from which numbers are read in 32 bits where the sample allows it
INTEGER = r"^ *[+-]?[0-9]{1,18}$"
FLOAT = r"^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^ *[+-]?(inf|Infinity)$"
LONG = r"^ *[+-]?[0-9]{19,}$"  # an account number: no 64-bit integer holds them all
CODE = r"^0[0-9]{3,}$"  # with leading zeros, all equally long: a code, not a number

Guessed = tuple[Literal["integer", "float", "text", "levels"], float, float]  # with largest size and spread


def read_text_file(
    path: Path,
    name: str,
    *,
    as_text: Sequence[str] = (),
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    nulls: Sequence[str] = NULL_SPELLINGS,
) -> tuple[pl.DataFrame, TextFormat, list[str], tuple[Message, ...]]:
    """Read a delimited text file, also a gzipped one.

    Columns come as Int64 or Float64 where every value is a number (Int32 and Float32 in files of more than
    50 MB where a sample shows that nothing is lost), as Categorical where texts repeat, as String otherwise.
    Null spellings in texts are left to `goodfit.data.missing.clean`.

    Parameters
    ----------
    as_text
        Columns to be read as text whatever they hold.

    Returns
    -------
    The frame, how the file is written, the null spellings that stood among its numbers, and notes.

    Raises
    ------
    InputError
        The file is empty, binary, not decodable, or has rows that do not fit its header.
    """
    source, head, size, notes = _source(path, name, encoding)
    text = decode(head, "utf-8", name)
    whole = size <= len(head)
    blanks = delimiter == " " or (delimiter is None and separated_by_blanks(text, whole=whole))
    if blanks:
        with _open(source) as file:
            source = with_tabs(decode(file.read(), "utf-8", name)).encode()
        size, delimiter, text = len(source), "\t", with_tabs(text)
    form = recognise_format(text, name, whole=whole, delimiter=delimiter, decimal=decimal)
    if blanks:
        form = replace(form, notes=(Message("notes.read.blanks"), *form.notes))
    if size > HEAD:
        form = _with_later_rows(form, source, size)
    guesses, seen = _guess_types(form, nulls, as_text)
    large = size > LARGE
    frame = None
    open_quote = whole and form.quote is not None and text.count(form.quote) % 2 == 1
    if not open_quote:
        frame = _parse(source, form, _dtypes(form, guesses, large), seen)
        if frame is None:
            source, noted = _only_utf8(source, path)
            notes = (*notes, *noted)
            frame = _parse_again(source, form, guesses, nulls)
    if frame is None:
        frame = _parse_row_by_row(source, form, name)
    frame = _without_blank_lines(frame, source, form)
    if frame.height == 0:
        raise InputError("read.no-rows", file=name)
    return frame, form, [text.strip() for text in seen if text.strip()], (*form.notes, *notes)


def _source(
    path: Path, name: str, encoding: str | None
) -> tuple[Path | bytes, bytes, int, tuple[Message, ...]]:
    """Return what polars is to read (a path, or bytes of UTF-8), its beginning, its size, and notes."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    data: bytes | None = None
    if head.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error):
            raise InputError("read.broken-gzip", file=name) from None
        head = data[:HEAD]
    if not head.strip(b" \t\r\n\x00"):
        raise InputError("read.empty", file=name)
    found = encoding or recognise_encoding(head, name)
    if found.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
        size = path.stat().st_size if data is None else len(data)
        return (path if data is None else data), _whole_characters(head), size, ()
    data = decode(path.read_bytes() if data is None else data, found, name).encode("utf-8", "replace")
    guessed = encoding is None and found in EIGHT_BITS
    notes = (Message("notes.read.encoding", {"encoding": found}),) if guessed else ()
    return data, _whole_characters(data[:HEAD]), len(data), notes


def _whole_characters(head: bytes) -> bytes:
    return head.decode("utf-8", "ignore").encode() if len(head) == HEAD else head


def _open(source: Path | bytes) -> BinaryIO:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _with_later_rows(form: TextFormat, source: Path | bytes, size: int, places: int = 4) -> TextFormat:
    """Add rows from further down to the sample, so that types are not guessed from the first rows alone."""
    rows = list(form.rows)
    with _open(source) as file:
        for place in range(1, places + 1):
            file.seek(size * place // places - (HEAD // 4))
            lines = file.read(HEAD // 4).decode("utf-8", "ignore").split(form.eol)[1:-1]
            try:
                later = [tuple(row) for row in rows_of("\n".join(lines), form.delimiter, form.quote)]
            except csv.Error:
                continue
            rows.extend(row for row in later if len(row) == len(form.names))
    return TextFormat(form.delimiter, form.quote, form.decimal, form.eol, form.names, tuple(rows), form.notes)


def _guess_types(
    form: TextFormat, nulls: Sequence[str], as_text: Sequence[str]
) -> tuple[list[Guessed], list[str]]:
    """Return each column's type with its largest size and its spread in the sample, and the nulls seen."""
    places = [str(place) for place in range(len(form.names))]
    sample = pl.DataFrame(form.rows, schema=dict.fromkeys(places, pl.String), orient="row")
    every = pl.all()
    missing = every.str.strip_chars().is_in(list(nulls))
    seen = {""}
    for spellings in sample.select(every.filter(missing).unique().implode()).row(0):
        seen.update(spellings)
    sample = sample.select(pl.when(~missing).then(every))
    present = every.drop_nulls()
    tests = {
        "integer": present.str.contains(INTEGER).all(),
        "float": present.str.contains(FLOAT).all() & (form.decimal == "."),
        "code": present.str.contains(CODE).any()
        & present.str.contains(r"^[0-9]+$").all()
        & (present.str.len_chars().min() == present.str.len_chars().max()),
        "long": (present.str.contains(LONG).mean() > 0.5),
        "repeats": present.n_unique() <= 0.5 * present.len(),
        "sign": (present.str.strip_chars() == "+").any(),
        "empty": present.len() == 0,
    }
    answers = [sample.select(test).row(0) for test in tests.values()]
    found = [dict(zip(tests, row, strict=True)) for row in zip(*answers, strict=True)]
    numbers = sample.select(every.str.strip_chars().cast(pl.Float64, strict=False))
    largest, spread = numbers.select(every.abs().max()).row(0), numbers.select(every.std()).row(0)
    guesses: list[Guessed] = []
    for place, name in enumerate(form.names):
        size = (largest[place] or 0.0, spread[place] or 0.0)
        column = found[place]
        if column["empty"] or column["code"] or name in as_text:
            guesses.append(("levels", *size))
        elif column["long"]:
            guesses.append(("text", *size))
        elif column["integer"]:
            guesses.append(("integer", *size))
        elif column["float"]:
            guesses.append(("float", *size))
        else:
            guesses.append(("levels" if column["repeats"] else "text", *size))
    if any(column["sign"] for column in found):
        seen -= {text for text in seen if text.strip() == "-"}
    return guesses, sorted(seen)


def _dtypes(form: TextFormat, guesses: Sequence[Guessed], large: bool) -> dict[int, Any]:
    types: dict[int, Any] = {}
    for place, (guess, largest, spread) in enumerate(guesses):
        if guess == "integer":
            types[place] = pl.Int32 if large and largest < 2**28 else pl.Int64
        elif guess == "float":
            # 32 bits keep seven digits: enough unless the values differ only in their last ones.
            types[place] = pl.Float32 if large and largest < 1000 * spread and largest < 1e30 else pl.Float64
        elif guess == "levels":
            types[place] = pl.Categorical
    return types


def _parse(
    source: Path | bytes, form: TextFormat, types: dict[int, Any], nulls: Sequence[str]
) -> pl.DataFrame | None:
    """Return the file parsed by polars, None if it does not parse so."""
    options: dict[str, Any] = {
        "separator": form.delimiter,
        "quote_char": form.quote,
        "eol_char": form.eol,
        "glob": False,
    }
    try:
        header = pl.read_csv(source, n_rows=0, infer_schema=False, **options)
        if header.width != len(form.names):
            return None
        names = header.columns
        overrides = {names[place]: dtype for place, dtype in types.items()}
        frame = pl.read_csv(
            source,
            infer_schema=False,
            schema_overrides=overrides,
            null_values=list(nulls),
            **options,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    frame.columns = list(form.names)
    return frame


def _parse_again(
    source: Path | bytes, form: TextFormat, guesses: Sequence[Guessed], nulls: Sequence[str]
) -> pl.DataFrame | None:
    """Return the file parsed with wider types, for values that the sample did not show, else as texts."""
    types = _dtypes(form, guesses, large=False)
    # Integers too are read as floats, for the fraction that may come.
    wider = {place: pl.Float64 if dtype == pl.Int64 else dtype for place, dtype in types.items()}
    every = [before + null + after for null in nulls for before in ("", " ") for after in ("", " ")]
    frame = _parse(source, form, wider, every)
    if frame is not None:
        integers = [form.names[place] for place, dtype in types.items() if dtype == pl.Int64]
        whole = [name for name in integers if _is_whole(frame[name])]
        return frame.with_columns(pl.col(whole).cast(pl.Int64))
    return _parse(source, form, {}, [])


def _is_whole(numbers: pl.Series) -> bool:
    return bool(((numbers == numbers.round()) & (numbers.abs() < 2**53)).all())


def _only_utf8(source: Path | bytes, path: Path) -> tuple[Path | bytes, tuple[Message, ...]]:
    """Return the source as it is if it is UTF-8 to its end, else recoded from what it seems to be."""
    if isinstance(source, bytes):
        return source, ()
    data = path.read_bytes()
    try:
        data.decode("utf-8")
        return source, ()
    except UnicodeDecodeError:
        encoding = eight_bit_encoding(data)
        note = Message("notes.read.encoding", {"encoding": encoding})
        return data.decode(encoding).encode("utf-8"), (note,)


def _parse_row_by_row(source: Path | bytes, form: TextFormat, name: str) -> pl.DataFrame:
    """Read what polars refuses (stray quotes, blanks before quotes) with the csv module, row by row.

    Raises
    ------
    InputError
        A row has more fields than the header, or a quote never closes.
    """
    with _open(source) as file:
        text = decode(file.read(), "utf-8", name)
    width = len(form.names)
    rows: list[list[str]] = []
    try:
        reader = rows_of(text, form.delimiter, form.quote)
        next(row for row in reader if not _is_blank_line(row))
        for row in reader:
            if len(row) > width and any(field.strip() for field in row[width:]):
                line = getattr(reader, "line_num", len(rows) + 2)
                raise InputError("read.ragged", file=name, line=line, fields=len(row), columns=width)
            if width == 1 or not _is_blank_line(row):
                rows.append(row[:width] + [""] * (width - len(row)))
    except csv.Error:
        raise InputError("read.open-quote", file=name) from None
    return pl.DataFrame(rows, schema=dict.fromkeys(form.names, pl.String), orient="row")


def _is_blank_line(row: Sequence[str]) -> bool:
    return not row or (len(row) == 1 and not row[0].strip())


def _without_blank_lines(frame: pl.DataFrame, source: Path | bytes, form: TextFormat) -> pl.DataFrame:
    """Drop the rows that polars makes of blank lines; rows of missing values stay."""
    if frame.width < 2 or frame.height == 0 or 0 in frame.null_count().row(0):
        return frame
    missing = frame.select(pl.all_horizontal(_is_blank(frame))).to_series()
    if not missing.any():
        return frame
    with _open(source) as file:
        text = file.read().decode("utf-8", "replace")
    try:
        reader = rows_of(text, form.delimiter, form.quote)
        next(row for row in reader if not _is_blank_line(row))
        blank = [_is_blank_line(row) for row in reader]
    except csv.Error:
        return frame
    blank = (blank + [True] * frame.height)[: frame.height]
    return frame.filter(~(missing & pl.Series(blank)))


def _is_blank(frame: pl.DataFrame) -> list[pl.Expr]:
    texts = (pl.String, pl.Categorical)
    return [
        (pl.col(name).cast(pl.String).fill_null("") == "") if dtype in texts else pl.col(name).is_null()
        for name, dtype in frame.schema.items()
    ]
