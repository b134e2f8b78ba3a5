"""How a text file is written: its encoding, delimiter, quotes and header, recognised from a sample."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = [
    "HEAD",
    "TextFormat",
    "decode",
    "recognise_encoding",
    "recognise_format",
    "rows_of",
    "separated_by_blanks",
    "with_tabs",
]

HEAD = 1 << 19  # bytes from the beginning that are looked at
DELIMITERS = (",", ";", "\t", "|")
MAGIC = {
    b"PK\x03\x04": "Excel or zip",
    b"\xd0\xcf\x11\xe0": "Excel",
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\x80\x04\x95": "pickle",
    b"\x89HDF": "HDF5",
    b"SQLite": "SQLite",
}
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NUMBER = re.compile(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\s*")
COMMA_NUMBER = re.compile(r"\s*[+-]?(\d{1,3}([. ]\d{3})*|\d*),\d+\s*")
POINT_NUMBER = re.compile(r"\s*[+-]?(\d{1,3}(,\d{3})*|\d*)\.\d+([eE][+-]?\d+)?\s*")
FIELD = re.compile(r'"[^"\n]*"|\S+')  # where blanks separate the columns
FEWEST_LINES = 4
THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}[.,]\d{3}\s*")  # or perhaps three decimals


@dataclass(frozen=True)
class TextFormat:
    """How a text file is written.

    Parameters
    ----------
    delimiter, quote, decimal
        One character each; ``quote`` is None where quotes are ordinary characters.
    eol
        What ends a line: a newline (also after a carriage return), or a lone carriage return.
    names
        The columns' names, as the header gives them without surrounding blanks.
    rows
        The sample: fields of whole rows from the beginning, as texts.
    notes
        What was recognised and is worth saying.
    """

    delimiter: str
    quote: str | None
    decimal: str
    eol: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[Message, ...]


def recognise_encoding(head: bytes, name: str) -> str:
    """Return the encoding of a file that begins with ``head``: by its byte order mark, else UTF-8 or cp1252.

    Raises
    ------
    InputError
        The bytes are no text.
    """
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return encoding
    for magic, what in MAGIC.items():
        if head.startswith(magic):
            raise InputError("read.other-format", file=name, format=what)
    if b"\0" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if max(even, odd) > len(head) // 4 and min(even, odd) <= len(head) // 100:
            return "utf-16-le" if odd > even else "utf-16-be"
        raise InputError("read.binary", file=name)
    control = sum(head.count(code) for code in range(32) if code not in (9, 10, 12, 13, 26, 27))
    if control > len(head) // 50:
        raise InputError("read.binary", file=name)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8"
    except UnicodeDecodeError:
        return eight_bit_encoding(head)


def eight_bit_encoding(data: bytes) -> str:
    """Return the encoding of text that is not UTF-8: cp1252, or latin-1 where that has no such character."""
    try:
        data.decode("cp1252")
        return "cp1252"
    except UnicodeDecodeError:
        return "latin-1"


def decode(data: bytes, encoding: str, name: str) -> str:
    """Return ``data`` as text, without a byte order mark.

    Raises
    ------
    InputError
        There is no such encoding, or the bytes are not in it.
    """
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise InputError("read.unknown-encoding", encoding=encoding) from None
    except UnicodeError:
        raise InputError("read.undecodable", file=name, encoding=encoding) from None


def recognise_format(
    text: str,
    name: str,
    *,
    whole: bool,
    delimiter: str | None = None,
    decimal: str | None = None,
) -> TextFormat:
    """Recognise how a file is written from the text it begins with.

    Parameters
    ----------
    text
        The file's beginning, or all of it if ``whole``.
    delimiter, decimal
        Told by the user; None: recognised.

    Raises
    ------
    InputError
        No header, no rows, or a column name twice.
    """
    eol = "\r" if "\r" in text and "\n" not in text else "\n"
    if not text.strip():
        raise InputError("read.empty", file=name)
    found = delimiter or _recognise_delimiter(text)
    quote = _recognise_quote(text, found)
    rows = [row for row in rows_of(text, found, quote) if any(field.strip() for field in row)]
    if not whole and len(rows) > 2:
        rows.pop()  # cut in two by the end of the sample
    if not rows:
        raise InputError("read.empty", file=name)
    names, notes = _header(rows[0], name)
    body = [row for row in rows[1:] if len(row) == len(names)]
    if len(rows) == 1:
        raise InputError("read.no-rows", file=name)
    if found != "," and delimiter is None:
        notes.insert(0, Message("notes.read.delimiter", {"delimiter": {"\t": "tab"}.get(found, found)}))
    short = sum(len(row) < len(names) for row in rows[1:])
    if short:
        notes.append(Message("notes.read.short-rows", {"count": short}))
    sign = decimal or _recognise_decimal(body, found)
    if sign == "," and decimal is None:
        notes.append(Message("notes.read.decimal-comma"))
    return TextFormat(found, quote, sign, eol, names, tuple(map(tuple, body)), tuple(notes))


def separated_by_blanks(text: str, *, whole: bool) -> bool:
    """Say whether blanks or tabs, one or several, separate the columns of a text.

    That is so where no other delimiter stands in its first line outside quotes, every line has as many fields
    as that, two or more and more than between tabs, and at least half of the fields below it are numbers:
    two words a line alone are no table.

    >>> separated_by_blanks("mpg  weight\\n18.0    3504\\n15.0    3693\\n36.1    1800\\n", whole=True)
    True
    >>> separated_by_blanks("full name\\nAna Mora\\nJuan Paz\\nEva Sol\\n", whole=True)
    False
    """
    lines = [line for line in text.splitlines() if line.strip()]
    lines = lines[:1000] if whole or len(lines) > 1000 else lines[:-1]
    if len(lines) < FEWEST_LINES or set(FIELD.sub(_bare, lines[0])) & {",", ";", "|"}:
        return False
    fields = [FIELD.findall(line) for line in lines]
    width = len(fields[0])
    if width <= max(1, lines[0].count("\t") + 1) or any(len(found) != width for found in fields):
        return False
    body = [field for found in fields[1:] for field in found]
    return sum(NUMBER.fullmatch(field) is not None for field in body) >= len(body) / 2


def _bare(field: re.Match[str]) -> str:
    return "" if field[0].startswith('"') else field[0]


def with_tabs(text: str) -> str:
    """Return a text whose columns blanks separate with a tab in their place.

    >>> with_tabs('a  b\\n1  "x y"\\n')
    'a\\tb\\n1\\t"x y"\\n'
    """
    return "".join("\t".join(FIELD.findall(line)) + "\n" for line in text.splitlines())


def rows_of(text: str, delimiter: str, quote: str | None) -> Iterator[list[str]]:
    """Yield the fields of each row; blanks after a delimiter and before a quote do not count.

    Raises
    ------
    csv.Error
        A quote that never closes swallows more than a field may hold.
    """
    lines = io.StringIO(text, newline=None)
    if quote is None:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=delimiter != "\t")


def _recognise_delimiter(text: str) -> str:
    """Return the delimiter under which most rows have as many fields as the header, and more than one."""
    best, most = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        agreement, width = _agreement(text, delimiter, '"')
        plain = _agreement(text, delimiter, None)
        agreement, width = max((agreement, width), plain)
        if width > 1 and (agreement, width) > most:
            best, most = delimiter, (agreement, width)
    return best


def _recognise_quote(text: str, delimiter: str) -> str | None:
    """Return the double quote, or None where it is used as an ordinary character (inches, chat messages)."""
    if not re.search(rf'(^|[{re.escape(delimiter)}\n\r])[ ]*"', text):
        return None
    quoted, plain = _agreement(text, delimiter, '"'), _agreement(text, delimiter, None)
    closed = text.count('"') % 2 == 0
    return None if plain[0] > quoted[0] or (plain[0] == quoted[0] == 1.0 and not closed) else '"'


def _agreement(text: str, delimiter: str, quote: str | None, rows: int = 1000) -> tuple[float, int]:
    """Return the share of rows as wide as the header, rounded, and that width."""
    widths = []
    try:
        for row in rows_of(text, delimiter, quote):
            if any(field.strip() for field in row):
                widths.append(len(row))
            if len(widths) > rows:
                break
    except csv.Error:
        return 0.0, 1
    if not widths:
        return 0.0, 1
    same = sum(width == widths[0] for width in widths[1:])
    return (round(same / (len(widths) - 1), 2) if len(widths) > 1 else 1.0), widths[0]


def _recognise_decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."  # a decimal comma would be quoted; such columns are recognised one by one
    comma = point = 0
    for row in rows[:1000]:
        for field in row:
            if THOUSANDS.fullmatch(field):
                continue
            comma += COMMA_NUMBER.fullmatch(field) is not None
            point += POINT_NUMBER.fullmatch(field) is not None
    return "," if comma > point else "."


def _header(fields: Sequence[str], file: str) -> tuple[tuple[str, ...], list[Message]]:
    names = [" ".join(field.split()) for field in fields]
    notes = []
    if len(names) > 1 and sum(NUMBER.fullmatch(name) is not None for name in names) > len(names) / 2:
        notes.append(Message("notes.read.header-numbers", {"names": names[:5]}))
    unnamed = [place for place, name in enumerate(names) if not name]
    for place in unnamed:
        names[place] = f"column_{place + 1}"
    if unnamed:
        values = {"count": len(unnamed), "names": [names[place] for place in unnamed[:5]]}
        notes.append(Message("notes.read.unnamed", values))
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError("read.duplicate-columns", file=file, names=[repr(name) for name in twice[:5]])
    return tuple(names), notes
