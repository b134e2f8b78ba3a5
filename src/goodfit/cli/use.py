"""goodfit predict, evaluate and report: what is done with a finished run."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.options import (
    OUTPUT,
    Decimal,
    Delimiter,
    Encoding,
    ForceFile,
    LanguageOption,
    NullValues,
    reading,
)
from goodfit.cli.output import remark, show, show_bytes
from goodfit.errors import InputError
from goodfit.files import check_output, write_atomically
from goodfit.messages import Message, say

__all__ = ["evaluate", "predict", "report"]

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]
DataArgument = Annotated[
    str,
    typer.Argument(metavar="DATA", help="A table with the columns of the training's.", show_default=False),
]
NoNotes = Annotated[
    bool, typer.Option("--quiet", "-q", help="Leave out the notes on the data.", rich_help_panel=OUTPUT)
]
SUFFIXES = (".csv", ".parquet", ".tsv")


def predict(
    run: RunArgument,
    data: DataArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="CSV, TSV or Parquet, by its suffix; without it CSV on stdout.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: ForceFile = False,
    logits: Annotated[
        bool, typer.Option("--logits", help="The network's raw outputs.", rich_help_panel=OUTPUT)
    ] = False,
    disagreement: Annotated[
        bool,
        typer.Option(
            "--disagreement",
            help="Of an ensemble: how far its members differ about each row.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    null_value: NullValues = None,
    quiet: NoNotes = False,
    language: LanguageOption = "en",
) -> None:
    """Predict the rows of a table: the label or value, and for classes a probability of each.

    goodfit predict runs/wine-1 new.csv -o predictions.csv
    """
    if output is not None:
        if output.suffix.lower() not in SUFFIXES:
            raise InputError("predict.suffix", path=str(output), suffixes=list(SUFFIXES))
        check_output(output, force=force)
    from goodfit.loading import load

    frame, notes = load(run).predict_table(
        data, logits=logits, disagreement=disagreement, **reading(delimiter, encoding, decimal, null_value)
    )
    if not quiet:
        _remark_on(notes, language)
    suffix = ".csv" if output is None else output.suffix.lower()
    content = io.BytesIO()
    if suffix == ".parquet":
        frame.write_parquet(content)
    else:
        frame.write_csv(content, separator="\t" if suffix == ".tsv" else ",")
    if output is None:
        show_bytes(content.getvalue())
        return
    write_atomically(output, content.getvalue())
    if not quiet:
        remark(say("terminal.predicted", language, count=frame.height, path=str(output)))


def evaluate(
    run: RunArgument,
    data: DataArgument,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    null_value: NullValues = None,
    quiet: NoNotes = False,
    language: LanguageOption = "en",
) -> None:
    """Say how good a run is on other rows, which must have the target."""
    from goodfit.loading import load

    evaluation, notes = load(run).evaluate_table(data, **reading(delimiter, encoding, decimal, null_value))
    if not quiet:
        _remark_on(notes, language)
    show(evaluation.to_text(language))


def report(
    run: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The HTML file.  [RUN/report.html]", rich_help_panel=OUTPUT
        ),
    ] = None,
    force: ForceFile = False,
    language: LanguageOption = "en",
) -> None:
    """Write the report of a run anew, for instance in another language."""
    if output is not None:
        check_output(output, force=force)
    from goodfit.loading import load

    show(str(load(run).report(output, language=language)))


def _remark_on(notes: Iterable[Message], language: str) -> None:
    from goodfit.cli.telling import tell_note

    for note in notes:
        remark(tell_note(note, language))
