"""goodfit data-curve: what more rows would bring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli.options import (
    RECIPE,
    SEVERAL,
    Columns,
    Decimal,
    Delimiter,
    Encoding,
    ForceFile,
    GroupColumn,
    LanguageOption,
    NoProgress,
    NullValues,
    Target,
    Task,
    TestFile,
    TimeColumn,
    ValidFile,
    parse_columns,
    parse_targets,
    reading,
    recipe_fields,
    recipe_from,
    with_recipe_options,
)
from goodfit.cli.output import width
from goodfit.cli.result_file import Format, OutputFile, deliver, wanted_format
from goodfit.errors import InputError
from goodfit.files import to_json, write_atomically
from goodfit.workflow.time_left import program_began

__all__ = ["data_curve"]


@with_recipe_options
def data_curve(
    data: Annotated[
        str | None, typer.Argument(help="A table (CSV, TSV or Parquet), or a RUN on one.", show_default=False)
    ] = None,
    target: Target = None,
    task: Task = None,
    valid: ValidFile = None,
    test: TestFile = None,
    group_column: GroupColumn = None,
    time_column: TimeColumn = None,
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
    format: Format = None,
    output: OutputFile = None,
    force: ForceFile = False,
    no_progress: NoProgress = False,
    language: LanguageOption = "en",
    **fields: Any,
) -> None:
    """Train on fractions of the rows, and say what twice as many would bring.

    goodfit data-curve wine.csv --target quality; or goodfit data-curve RUN, whose report tells of it then
    """
    begun = program_began()
    if data is None:
        raise InputError("usage.no-data", command="data-curve")
    wanted = wanted_format("data-curve", format, output, force=force)
    from goodfit.cli.telling import WIDTH, wrapped
    from goodfit.loading import load
    from goodfit.workflow.more_rows import data_curve as measured

    run = load(data) if Path(data).is_dir() else None
    changed = recipe_fields(fields)
    found = measured(
        data if run is None else run,
        target=parse_targets(target),
        task=task,
        valid=valid,
        test=test,
        group_column=group_column,
        time_column=time_column,
        columns=parse_columns(column),
        reading=reading(delimiter, encoding, decimal, null_value),
        recipe=recipe_from(recipe),
        seeds=seeds,
        progress=not no_progress,
        language=language,
        begun=begun,
        **changed,
    )
    if run is not None and recipe is None and not changed:  # else it is of another recipe
        write_atomically(Path(data) / "data-curve.json", to_json(found.to_dict()))
        load(data).report(language=language)
    deliver(
        wanted,
        output,
        data=found.to_dict,
        text=lambda: wrapped(found.to_text(language).splitlines(), width(WIDTH)),
        page=lambda: found.to_html(language),
    )
