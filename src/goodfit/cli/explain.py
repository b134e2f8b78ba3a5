"""goodfit explain."""

from __future__ import annotations

from typing import Annotated

import typer

from goodfit.cli.options import (
    DATA,
    Decimal,
    Delimiter,
    Encoding,
    ForceFile,
    LanguageOption,
    NullValues,
    reading,
)
from goodfit.cli.output import remark, width
from goodfit.cli.result_file import Format, OutputFile, deliver, wanted_format
from goodfit.cli.use import DataArgument, NoNotes, RunArgument
from goodfit.errors import InputError

__all__ = ["explain", "parse_rows"]

MOST_ROWS = 1000


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
    format: Format = None,
    output: OutputFile = None,
    force: ForceFile = False,
    quiet: NoNotes = False,
    language: LanguageOption = "en",
) -> None:
    """Say why single rows are predicted as they are: what each column's value did.

    goodfit explain runs/wine-1 new.csv --rows 3,17
    """
    chosen = None if rows is None else parse_rows(rows)
    wanted = wanted_format("explain", format, output, force=force)
    from goodfit.cli.telling import WIDTH, tell_note, wrapped
    from goodfit.loading import load
    from goodfit.run_explaining import explain_table

    explanation, notes = explain_table(
        load(run), data, chosen, target=target, **reading(delimiter, encoding, decimal, null_value)
    )
    if not quiet:
        for note in notes:
            remark(tell_note(note, language))

    def page() -> str:
        from goodfit.report.explain_page import render_explanation

        return render_explanation(explanation, language)

    deliver(
        wanted,
        output,
        data=explanation.to_dict,
        text=lambda: wrapped(explanation.to_text(language).splitlines(), width(WIDTH)),
        page=page,
    )


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
