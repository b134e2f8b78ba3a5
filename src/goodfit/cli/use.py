"""goodfit predict, evaluate and report: what is done with a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.options import OUTPUT, Language, LanguageOption, Quiet
from goodfit.errors import InputError

__all__ = ["evaluate", "predict", "report"]

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]
DataArgument = Annotated[
    str,
    typer.Argument(metavar="DATA", help="A table with the columns of the training's.", show_default=False),
]
WRITERS = {".csv": "write_csv", ".tsv": "write_csv", ".parquet": "write_parquet"}


def predict(
    run: RunArgument,
    data: DataArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="CSV, TSV or Parquet, by its suffix; without it CSV on stdout.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file.", rich_help_panel=OUTPUT)
    ] = False,
    logits: Annotated[
        bool, typer.Option("--logits", help="The network's raw outputs.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Quiet = False,
    language: LanguageOption = Language.EN,
) -> None:
    """Predict the rows of a table: the label or value, and for classes a probability of each."""
    import io

    from goodfit.files import write_atomically
    from goodfit.loading import load

    if output is not None:
        if output.suffix.lower() not in WRITERS:
            raise InputError("predict.suffix", path=str(output), suffixes=sorted(WRITERS))
        if output.exists() and not force:
            raise InputError("predict.exists", path=str(output))
    frame, notes = load(run).predict_table(data, logits=logits)
    if not quiet:
        for note in notes:
            typer.echo(note.text(language.value), err=True)
    if output is None:
        typer.echo(frame.write_csv(), nl=False)
        return
    content = io.BytesIO()
    separator = {"separator": "\t"} if output.suffix.lower() == ".tsv" else {}
    getattr(frame, WRITERS[output.suffix.lower()])(content, **separator)
    write_atomically(output, content.getvalue())
    if not quiet:
        from goodfit.messages import say

        typer.echo(say("terminal.predicted", language.value, count=frame.height, path=str(output)), err=True)


def evaluate(run: RunArgument, data: DataArgument, language: LanguageOption = Language.EN) -> None:
    """Say how good a run is on other rows, which must have the target."""
    from goodfit.loading import load

    typer.echo(load(run).evaluate(data).to_text(language.value))


def report(
    run: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The HTML file.  [RUN/report.html]", rich_help_panel=OUTPUT),
    ] = None,
    language: LanguageOption = Language.EN,
) -> None:
    """Write the report of a run anew, for instance in another language."""
    from goodfit.loading import load

    typer.echo(str(load(run).report(output, language=language.value)))
