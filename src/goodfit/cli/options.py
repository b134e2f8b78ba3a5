"""Options that commands share, and the recipe's fields as options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from goodfit.errors import InputError
from goodfit.recipe import Recipe

__all__ = [
    "Columns",
    "Force",
    "Language",
    "LanguageOption",
    "NoProgress",
    "Quiet",
    "parse_columns",
    "recipe_fields",
    "with_recipe_options",
]

DATA, RECIPE, OUTPUT = "Data", "Recipe (defaults in brackets; none switches off)", "Output"


class Language(StrEnum):
    """Languages of what is said."""

    EN = "en"
    ES = "es"


LanguageOption = Annotated[
    Language,
    typer.Option(
        "--language", envvar="GOODFIT_LANGUAGE", help="Language of what is said.", rich_help_panel=OUTPUT
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
    """Give ``command`` an option for every recipe field; it gets them as texts in its ``**fields``."""
    signature = inspect.signature(command, eval_str=True)
    own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
    options = []
    for name, field in Recipe.model_fields.items():
        option = typer.Option(
            f"--{name.replace('_', '-')}",
            metavar=name.upper().split("_")[-1],
            help=f"{field.description} [{_shown(field.default)}]",
            rich_help_panel=RECIPE,
            show_default=False,
        )
        options.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
            )
        )
    both = [*own, *options]
    command.__signature__ = signature.replace(parameters=both)  # type: ignore[attr-defined]
    command.__annotations__ = {item.name: item.annotation for item in both} | {"return": None}
    return command


def recipe_fields(texts: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the recipe fields that were given on the command line, as values."""
    return {name: Recipe.parse(name, text) for name, text in texts.items() if text is not None}


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


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        return "none"
    return str(value)
