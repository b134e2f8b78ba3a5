"""Options that commands share, and the recipe's fields as options."""

from __future__ import annotations

import csv
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from goodfit.errors import InputError
from goodfit.messages import LANGUAGES
from goodfit.ranges import shown
from goodfit.recipe import Recipe

__all__ = [
    "Columns",
    "Decimal",
    "Delimiter",
    "Encoding",
    "Force",
    "ForceFile",
    "GroupColumn",
    "LanguageOption",
    "NoProgress",
    "NullValues",
    "Quiet",
    "Target",
    "Task",
    "TestFile",
    "TimeColumn",
    "ValidFile",
    "parse_columns",
    "parse_targets",
    "reading",
    "recipe_fields",
    "recipe_from",
    "spoken_language",
    "with_recipe_options",
]

DATA, RECIPE, OUTPUT = "Data", "Recipe (defaults in brackets; none switches off)", "Output"
SEVERAL = "Several trainings"


def spoken_language(arguments: Sequence[str]) -> str:
    """Return the language that a command line asks for, also where reading it failed.

    >>> spoken_language(["goodfit", "demo", "--language", "es"])
    'es'
    """
    wanted = os.environ.get("GOODFIT_LANGUAGE", "")
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == "--language":
            wanted = following
        elif word.startswith("--language="):
            wanted = word.partition("=")[2]
    return wanted if wanted in LANGUAGES else "en"


def _check_language(language: str) -> str:
    if language not in LANGUAGES:
        raise InputError("usage.language", value=language, known=list(LANGUAGES))
    return language


LanguageOption = Annotated[
    str,
    typer.Option(
        "--language",
        metavar="en|es",
        envvar="GOODFIT_LANGUAGE",
        callback=_check_language,
        help="Language of what is said.",
        rich_help_panel=OUTPUT,
    ),
]
Target = Annotated[
    str | None,
    typer.Option("--target", "-t", help="Column to predict; several numbers: a,b.", rich_help_panel=DATA),
]
Task = Annotated[
    str | None,
    typer.Option("--task", help="binary, multiclass or regression; else by a rule.", rich_help_panel=DATA),
]
ValidFile = Annotated[
    str | None, typer.Option("--valid", metavar="FILE", help="Validation rows.", rich_help_panel=DATA)
]
TestFile = Annotated[
    str | None, typer.Option("--test", metavar="FILE", help="Test rows.", rich_help_panel=DATA)
]
GroupColumn = Annotated[
    str | None,
    typer.Option(
        "--group-column", help="Rows of one group stay together in the split.", rich_help_panel=DATA
    ),
]
TimeColumn = Annotated[
    str | None,
    typer.Option("--time-column", help="Train on the past, test on the latest.", rich_help_panel=DATA),
]
Delimiter = Annotated[
    str | None,
    typer.Option("--delimiter", metavar="SIGN", help="What separates columns.", rich_help_panel=DATA),
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", metavar="NAME", help="Encoding of the file.", rich_help_panel=DATA)
]
Decimal = Annotated[
    str | None,
    typer.Option("--decimal", metavar="SIGN", help="Decimal sign: . or ,", rich_help_panel=DATA),
]
NullValues = Annotated[
    list[str] | None,
    typer.Option(
        "--null-value",
        metavar="TEXT",
        help="A spelling of a missing value. Repeatable.",
        rich_help_panel=DATA,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=OUTPUT)]
NoProgress = Annotated[
    bool, typer.Option("--no-progress", help="Show no progress while training.", rich_help_panel=OUTPUT)
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Replace the run that is in the output folder.", rich_help_panel=OUTPUT),
]
ForceFile = Annotated[bool, typer.Option("--force", help="Replace the output file.", rich_help_panel=OUTPUT)]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME=KIND",
        help="Treat a column as number, category, boolean, datetime, text, identifier or drop. Repeatable.",
        rich_help_panel=DATA,
    ),
]
Command = TypeVar("Command", bound=Callable[..., Any])


def with_recipe_options(command: Command) -> Command:
    """Give ``command`` an option for every recipe field; it gets them as texts in its ``**fields``.

    Those of name=value pairs may be repeated. Its own parameters stand for the fields of their name.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
    options = []
    taken = {item.name for item in own}
    for name, field in Recipe.model_fields.items():
        if name in taken:
            continue
        option = typer.Option(
            f"--{name.replace('_', '-')}",
            metavar=name.upper().split("_")[-1],
            help=f"{field.description} [{_shown(field.default)}]",
            rich_help_panel=RECIPE,
            show_default=False,
        )
        options.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[(list[str] if field.default == {} else str) | None, option],
            )
        )
    both = [*own, *options]
    command.__signature__ = signature.replace(parameters=both)  # type: ignore[attr-defined]
    command.__annotations__ = {item.name: item.annotation for item in both} | {"return": None}
    return command


def recipe_fields(texts: Mapping[str, str | list[str] | None]) -> dict[str, Any]:
    """Return the recipe fields that were given on the command line, as values."""
    said = {name: text for name, text in texts.items() if text is not None and text != []}
    joined = {name: ",".join(text) if isinstance(text, list) else text for name, text in said.items()}
    return {name: Recipe.parse(name, text) for name, text in joined.items()}


def recipe_from(path: Path | None) -> Recipe | None:
    """Return the recipe in a file, None where none was given."""
    return None if path is None else Recipe.from_file(path)


def parse_columns(pairs: list[str] | None) -> dict[str, str] | None:
    """Return ``NAME=KIND`` pairs as a dict.

    Raises
    ------
    InputError
        A pair without ``=``.
    """
    found = {}
    for pair in pairs or []:
        name, sign, kind = pair.rpartition("=")
        if not sign or not name:
            raise InputError("option.not-a-pair", option="--column", value=pair, example="age=number")
        found[name] = kind
    return found or None


def reading(
    delimiter: str | None, encoding: str | None, decimal: str | None, null_value: list[str] | None
) -> dict[str, Any]:
    """Return how a table is to be read, as `goodfit.train` takes it."""
    return {"delimiter": delimiter, "encoding": encoding, "decimal": decimal, "null_values": null_value}


def parse_targets(text: str | None) -> str | list[str] | None:
    """Return the names of columns in ``a,b``; a name that holds a comma stands in quotes.

    >>> parse_targets("price"), parse_targets("low, high"), parse_targets('"price, EUR"')
    ('price', ['low', 'high'], 'price, EUR')
    """
    if text is None or not text.strip():
        return None
    names = next(csv.reader([text], skipinitialspace=True))
    return names[0] if len(names) == 1 else [name.strip() for name in names if name.strip()]


def _shown(value: Any) -> str:
    return "none" if value == {} else shown(value).strip("'")
