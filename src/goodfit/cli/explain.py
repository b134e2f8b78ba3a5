"""goodfit explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.options import (
    DATA,
    OUTPUT,
    Decimal,
    Delimiter,
    Encoding,
    ForceFile,
    LanguageOption,
    NullValues,
    reading,
)
from goodfit.cli.output import remark, show, width
from goodfit.cli.use import DataArgument, NoNotes, RunArgument
from goodfit.errors import InputError
from goodfit.files import check_output, write_atomically

__all__ = ["explain", "parse_rows"]

FORMATS = ("text", "json", "html")
MOST_ROWS = 1000
SUFFIXES = {".json": "json", ".html": "html", ".htm": "html"}


def explain(
    run: RunArgument,
    data: DataArgument,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="N,N,...",
            help="Rows to explain, counted from 0, such as 3,17 or 0-9.  [the first 5]",
            rich_help_panel=DATA,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", help="Which of several targets.  [the first]", rich_help_panel=DATA),
    ] = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    null_value: NullValues = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text, json or html.  [by the output's suffix, else text]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it; else stdout.", rich_help_panel=OUTPUT
        ),
    ] = None,
    force: ForceFile = False,
    quiet: NoNotes = False,
    language: LanguageOption = "en",
) -> None:
    """Say why single rows are predicted as they are: what each column's value did.

    goodfit explain runs/wine-1 new.csv --rows 3,17
    """
    form = form or SUFFIXES.get("" if output is None else output.suffix.lower(), "text")
    if form not in FORMATS:
        raise InputError("usage.format", value=form, known=list(FORMATS))
    chosen = None if rows is None else parse_rows(rows)
    if output is not None:
        check_output(output, force=force)
    from goodfit.cli.telling import WIDTH, tell_note, wrapped
    from goodfit.loading import load
    from goodfit.run_explaining import explain_table

    explanation, notes = explain_table(
        load(run), data, chosen, target=target, **reading(delimiter, encoding, decimal, null_value)
    )
    if not quiet:
        for note in notes:
            remark(tell_note(note, language))
    if form == "json":
        text = json.dumps(explanation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False)
    elif form == "html":
        from goodfit.report.explain_page import render_explanation

        text = render_explanation(explanation, language)
    else:
        text = explanation.to_text(language)
        if output is None:
            text = wrapped(text.splitlines(), width(WIDTH))
    if output is None:
        show(text)
    else:
        write_atomically(output, f"{text.rstrip()}\n")
        show(str(output))


def parse_rows(text: str) -> list[int]:
    """Return the row numbers that a text names, each once, in its order.

    Raises
    ------
    InputError
        Something in it is no row number.

    >>> parse_rows("3,17, 5-7,3")
    [3, 17, 5, 6, 7]
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and 0 <= int(last) - int(first) < MOST_ROWS):
            raise InputError("usage.rows", value=part.strip(), most=MOST_ROWS)
        found += range(int(first), int(last) + 1)
    return list(dict.fromkeys(found))
