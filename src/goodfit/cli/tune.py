"""goodfit tune."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli.claimed_folder import claimed_folder
from goodfit.cli.options import (
    OUTPUT,
    RECIPE,
    Columns,
    Decimal,
    Delimiter,
    Encoding,
    Force,
    GroupColumn,
    LanguageOption,
    NoProgress,
    NullValues,
    Quiet,
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
from goodfit.errors import InputError

__all__ = ["tune"]

SEARCH = "Search"


@with_recipe_options
def tune(
    data: Annotated[str, typer.Argument(help="A table: CSV, TSV or Parquet.", show_default=False)],
    target: Target = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", help="Recipes to try.  [64, or as many as the time allows]", rich_help_panel=SEARCH
        ),
    ] = None,
    time_budget: Annotated[
        float | None,
        typer.Option("--time-budget", help="Seconds for search and finals.", rich_help_panel=SEARCH),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            "--space",
            metavar="FILE",
            help="What is searched, as TOML; else by network and rows.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option("--sampler", help="tpe, cmaes, quasi-random, random or grid.", rich_help_panel=SEARCH),
    ] = "tpe",
    halving: Annotated[
        str,
        typer.Option(
            "--halving",
            metavar="NUMBER",
            help="One in so many goes on after some epochs; none: all.",
            rich_help_panel=SEARCH,
        ),
    ] = "3",
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", help="Seeds with which the best are trained again; 1: not.", rich_help_panel=SEARCH
        ),
    ] = 5,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            help="Recipes that train side by side.  [a core each with --time-budget, else 1]",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="ADDRESS",
            help="Where processes share trials: an address, a .db or a .journal file.  [OUTPUT/study.db]",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option("--study", help="Its name in the storage; else the data's.", rich_help_panel=SEARCH),
    ] = None,
    task: Task = None,
    valid: ValidFile = None,
    test: TestFile = None,
    group_column: GroupColumn = None,
    time_column: TimeColumn = None,
    column: Columns = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    null_value: NullValues = None,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="A recipe.toml to begin with.", rich_help_panel=RECIPE),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder of the search.  [runs/tune-<data>-<n>]", rich_help_panel=OUTPUT
        ),
    ] = None,
    force: Force = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the search in the output folder.", rich_help_panel=OUTPUT),
    ] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
    language: LanguageOption = "en",
    **fields: Any,
) -> None:
    """Search for the best recipe for a table, and say how sure it is.

    goodfit tune wine.csv --target quality --trials 64 --time-budget 120
    """
    if resume and output is None:
        raise InputError("tune.resume-what")
    claim = nullcontext(output) if output is not None else claimed_folder(Path("runs"), Path(data), "tune-")
    from goodfit.cli.output import show, width
    from goodfit.cli.telling import WIDTH
    from goodfit.improvement.tune import tune as search

    with claim as folder:
        tuning = search(
            data,
            target=parse_targets(target),
            trials=trials,
            time_budget=time_budget,
            space=space,
            sampler=sampler,
            halving=_factor(halving),
            seeds=seeds,
            workers=workers,
            storage=storage,
            study=study,
            task=task,
            valid=valid,
            test=test,
            group_column=group_column,
            time_column=time_column,
            columns=parse_columns(column),
            reading=reading(delimiter, encoding, decimal, null_value),
            recipe=recipe_from(recipe),
            folder=folder,
            force=force,
            resume=resume,
            progress=not (quiet or no_progress),
            language=language,
            **recipe_fields(fields),
        )
    if not quiet:
        show(tuning.story(language, width(WIDTH)))
    if tuning.ended_by == "interrupted":
        raise typer.Exit(130)


def _factor(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdigit():
        raise InputError("tune.too-small", name="--halving", value=text, least=2)
    return int(text)
