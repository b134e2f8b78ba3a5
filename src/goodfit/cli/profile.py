"""goodfit profile."""

from __future__ import annotations

from typing import Annotated

import typer

from goodfit.cli.options import (
    DATA,
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
from goodfit.cli.output import width
from goodfit.cli.result_file import Format, OutputFile, deliver, wanted_format

__all__ = ["profile"]


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
    time_column: Annotated[
        str | None,
        typer.Option(
            "--time-column",
            help="When the row is from: which other dates are later.",
            rich_help_panel=DATA,
        ),
    ] = None,
    column: Columns = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    null_value: NullValues = None,
    format: Format = None,
    output: OutputFile = None,
    force: ForceFile = False,
    language: LanguageOption = "en",
) -> None:
    """Look closely at a table: types, missing values, outliers, repeated rows, what tells the target.

    goodfit profile wine.csv --target quality --output wine.html
    """
    wanted = wanted_format("profile", format, output, force=force)
    from goodfit.data.analysis.analyze import profile as look_at

    found = look_at(
        data,
        parse_targets(target),
        against=against,
        task=task,
        columns=parse_columns(column),
        time_column=time_column,
        delimiter=delimiter,
        encoding=encoding,
        decimal=decimal,
        null_values=null_value,
    )

    def page() -> str:
        from goodfit.report.profile_page import render_profile

        return render_profile(found, language)

    deliver(
        wanted,
        output,
        data=lambda: found.to_dict(language),
        text=lambda: found.to_text(language, width(120)),
        page=page,
    )
