"""What commands write that say something: text, JSON or a page, to stdout or to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli.options import OUTPUT
from goodfit.cli.output import show
from goodfit.errors import InputError
from goodfit.files import check_output, to_json, write_atomically

__all__ = ["Format", "OutputFile", "chosen_format", "deliver", "wanted_format"]

FORMATS = ("text", "json", "html")
SUFFIXES = {".json": "json", ".html": "html", ".htm": "html"}

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="text|json|html",
        help="By the output's suffix, else text.",
        rich_help_panel=OUTPUT,
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="A file in place of stdout.", rich_help_panel=OUTPUT),
]


def chosen_format(command: str, format: str | None, output: Path | None) -> str:
    """Return the format asked for, else that of the output's suffix, else text.

    Raises
    ------
    InputError
        There is no such format.
    """
    suffix = "" if output is None else output.suffix.lower()
    chosen = format or SUFFIXES.get(suffix, "text")
    if chosen not in FORMATS:
        values = {"owner": command, "option": "--format", "value": chosen, "values": list(FORMATS)}
        raise InputError("option.not-one-of", **values)
    return chosen


def wanted_format(command: str, format: str | None, output: Path | None, *, force: bool) -> str:
    """Return the format of what will be written to a file or to stdout.

    Raises
    ------
    InputError
        There is no such format, or the file may not be written.
    """
    wanted = chosen_format(command, format, output)
    if output is not None:
        check_output(output, force=force)
    return wanted


def deliver(
    wanted: str,
    output: Path | None,
    *,
    data: Callable[[], Mapping[str, Any]],
    text: Callable[[], str],
    page: Callable[[], str],
) -> None:
    """Make what is wanted, and write it; where it is a file, say which."""
    if wanted == "json":
        made = to_json(data())
    else:
        made = page() if wanted == "html" else text()
    if output is None:
        show(made)
    else:
        write_atomically(output, f"{made.rstrip()}\n")
        show(str(output))
