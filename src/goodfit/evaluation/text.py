"""Numbers and tables as text, for terminals and notebooks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from textwrap import fill

from goodfit.messages.numbers import localized

__all__ = ["align", "html_table", "number", "shorten", "wrapped"]

NO_BREAK = "\u00a0"


def number(value: float, absent: str = "–") -> str:
    """Return a score in a few digits.

    Examples
    --------
    >>> number(0.51234), number(12.3456), number(51234.5), number(0.000123), number(float("nan"))
    ('0.512', '12.35', '51,234', '0.000123', '–')
    """
    if math.isnan(value):
        return absent
    value += 0.0  # no minus before a zero
    size = abs(value)
    if size >= 1e15:
        return f"{value:.3g}"
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.4g}"
    return f"{value:.3f}" if size >= 0.01 or size == 0 else f"{value:.3g}"


def shorten(text: str, most: int = 30) -> str:
    """Return ``text`` on one line, of at most ``most`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def align(rows: Sequence[Sequence[str]], right: Sequence[int] = (), language: str = "en") -> str:
    """Return rows of equal length as columns of text, those named in ``right`` flush right.

    Numbers are written as in ``language``.

    Examples
    --------
    >>> print(align([["class", "rows"], ["a", "12"]], right=[1]))
    class  rows
    a        12
    """
    rows = [[localized(cell, language) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def wrapped(lines: Sequence[str], width: int) -> str:
    """Return lines of at most ``width``; rows of tables stay as they are."""
    return "\n".join(line if re.search(r"\S {2,}\S", line) else _paragraph(line, width) for line in lines)


def _paragraph(line: str, width: int) -> str:
    text = line.lstrip(" ")
    first = line[: len(line) - len(text)]
    rest = first + ("  " if text.startswith("- ") else "")
    lines = fill(
        re.sub(r"(?<=[0-9]) %", f"{NO_BREAK}%", text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace(f"{NO_BREAK}%", " %")


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of them the header, as an HTML table."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line(rows[0], "th") + "".join(line(row, "td") for row in rows[1:]) + "</table>"
