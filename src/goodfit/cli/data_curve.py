"""goodfit data-curve: what more rows would bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli.options import (
    OUTPUT,
    RECIPE,
    SEVERAL,
    Columns,
    Decimal,
    Delimiter,
    Encoding,
    ForceFile,
    LanguageOption,
    NoProgress,
    NullValues,
    Target,
    TestFile,
    parse_columns,
    parse_targets,
    reading,
    recipe_fields,
    recipe_from,
    with_recipe_options,
)
from goodfit.cli.output import show
from goodfit.errors import InputError
from goodfit.files import check_output, write_atomically

__all__ = ["data_curve"]

FORMATS = ("text", "json", "html")


@with_recipe_options
def data_curve(
    data: Annotated[
        str | None, typer.Argument(help="A table: CSV, TSV or Parquet.", show_default=False)
    ] = None,
    target: Target = None,
    test: TestFile = None,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", help="Trainings of each size.", rich_help_panel=SEVERAL)
    ] = 4,
    column: Columns = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    null_value: NullValues = None,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="A recipe.toml to start from.", rich_help_panel=RECIPE),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="text|json|html",
            help="By the output's suffix, else text.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A file in place of stdout.", rich_help_panel=OUTPUT
        ),
    ] = None,
    force: ForceFile = False,
    no_progress: NoProgress = False,
    language: LanguageOption = "en",
    **fields: Any,
) -> None:
    """Train on fractions of the rows, and say what twice as many would bring.

    goodfit data-curve wine.csv --target quality
    """
    if data is None:
        raise InputError("usage.no-data")
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    wanted = format or (suffix if suffix in FORMATS else "text")
    if wanted not in FORMATS:
        values = {"owner": "data-curve", "option": "--format", "value": wanted, "values": list(FORMATS)}
        raise InputError("option.not-one-of", **values)
    if output is not None:
        check_output(output, force=force)
    from goodfit.workflow.more_rows import data_curve as measured

    found = measured(
        data,
        target=parse_targets(target),
        test=test,
        columns=parse_columns(column),
        reading=reading(delimiter, encoding, decimal, null_value),
        recipe=recipe_from(recipe),
        seeds=seeds,
        progress=not no_progress,
        language=language,
        **recipe_fields(fields),
    )
    if wanted == "json":
        text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False)
    else:
        text = found.to_html(language) if wanted == "html" else found.to_text(language)
    if output is None:
        show(text)
    else:
        write_atomically(output, text.encode())
