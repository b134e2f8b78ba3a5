"""goodfit train."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli.claimed_folder import claimed_folder
from goodfit.cli.options import (
    OUTPUT,
    RECIPE,
    SEVERAL,
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
from goodfit.finding import SEVERITIES
from goodfit.workflow.time_left import program_began

__all__ = ["train"]


@with_recipe_options
def train(
    data: Annotated[
        str | None, typer.Argument(help="A table: CSV, TSV or Parquet.", show_default=False)
    ] = None,
    target: Target = None,
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
        typer.Option("--recipe", metavar="FILE", help="A recipe.toml to start from.", rich_help_panel=RECIPE),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the run.  [runs/<data>-<n>]", rich_help_panel=OUTPUT),
    ] = None,
    force: Force = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", metavar="RUN", help="Go on with the training in RUN.", rich_help_panel=OUTPUT
        ),
    ] = None,
    from_weights: Annotated[
        Path | None,
        typer.Option(
            "--from-weights",
            metavar="RUN",
            help="Begin a new training with the weights of RUN.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Train with N seeds at once: what chance does, and what not.",
            rich_help_panel=SEVERAL,
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            metavar="N",
            help="Cross-validate with N folds: each row predicted by a network that left it out.",
            rich_help_panel=SEVERAL,
        ),
    ] = None,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble",
            help="Keep the networks of all seeds or folds as one, and average them.",
            rich_help_panel=SEVERAL,
        ),
    ] = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            help="Exit with 1 on findings: info, warning or error.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
    language: LanguageOption = "en",
    **fields: Any,
) -> None:
    """Train a network on a table: split, prepare, train, diagnose, evaluate, report.

    goodfit train wine.csv --target quality
    """
    begun = program_began()
    if fail_on not in (None, *SEVERITIES):
        raise InputError(
            "option.not-one-of", owner="train", option="--fail-on", value=fail_on, values=list(SEVERITIES)
        )
    if data is None and resume is None:
        raise InputError("usage.no-data", command="train")
    if output is not None and resume is not None:
        raise InputError("usage.output-and-resume", folder=str(resume))
    named = output is not None or resume is not None or data is None
    claim = nullcontext(output) if named else claimed_folder(Path("runs"), Path(str(data)))
    from goodfit.cli.running import train_and_tell

    with claim as folder:
        train_and_tell(
            data,
            folder=folder,
            resume=resume,
            from_weights=from_weights,
            seeds=seeds,
            folds=folds,
            ensemble=ensemble,
            target=parse_targets(target),
            task=task,
            valid=valid,
            test=test,
            group_column=group_column,
            time_column=time_column,
            columns=parse_columns(column),
            reading=reading(delimiter, encoding, decimal, null_value),
            recipe=recipe_from(recipe),
            force=force,
            begun=begun,
            progress=not (quiet or no_progress),
            quiet=quiet,
            language=language,
            fail_on=fail_on,
            **recipe_fields(fields),
        )
