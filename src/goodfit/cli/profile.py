"""goodfit profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.options import (
    DATA,
    OUTPUT,
    Columns,
    Decimal,
    Delimiter,
    Encoding,
    ForceFile,
    LanguageOption,
    NullValues,
    Target,
    Task,
    parse_columns,
    parse_targets,
)
from goodfit.cli.output import show, width
from goodfit.errors import InputError
from goodfit.files import check_output, write_atomically

__all__ = ["profile"]

FORMATS = ("text", "json", "html")
SUFFIXES = {".json": "json", ".html": "html", ".htm": "html"}


def profile(
    data: Annotated[str, typer.Argument(help="A table: CSV, TSV or Parquet.", show_default=False)],
    target: Target = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="FILE", help="Another table to compare with.", rich_help_panel=DATA
        ),
    ] = None,
    task: Task = None,
    column: Columns = None,
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
    language: LanguageOption = "en",
) -> None:
    """Look closely at a table: types, missing values, outliers, repeated rows, what tells the target.

    goodfit profile wine.csv --target quality --output wine.html
    """
    form = form or SUFFIXES.get("" if output is None else output.suffix.lower(), "text")
    if form not in FORMATS:
        raise InputError("usage.format", value=form, known=list(FORMATS))
    if output is not None:
        check_output(output, force=force)
    from goodfit.data.analysis.analyze import profile as look_at

    found = look_at(
        data,
        parse_targets(target),
        against=against,
        task=task,
        columns=parse_columns(column),
        delimiter=delimiter,
        encoding=encoding,
        decimal=decimal,
        null_values=null_value,
    )
    if form == "json":
        text = json.dumps(found.to_dict(language), ensure_ascii=False, indent=2, allow_nan=False)
    elif form == "html":
        from goodfit.report.profile_page import render_profile

        text = render_profile(found, language)
    else:
        text = found.to_text(language, width(120))
    if output is None:
        show(text)
    else:
        write_atomically(output, text + "\n")
        show(str(output))
