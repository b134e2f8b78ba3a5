"""What commands of a finished comparison write: text, JSON or a page, to stdout or to a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli.options import OUTPUT
from goodfit.cli.output import show
from goodfit.errors import InputError
from goodfit.files import check_output, write_atomically

__all__ = ["Format", "OutputFile", "deliver", "wanted_format"]

FORMATS = ("text", "json", "html")

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


def wanted_format(command: str, format: str | None, output: Path | None, *, force: bool) -> str:
    """Return the format asked for, else that of the output's suffix, else text.

    Raises
    ------
    InputError
        There is no such format, or the file may not be written.
    """
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    wanted = format or (suffix if suffix in FORMATS else "text")
    if wanted not in FORMATS:
        values = {"owner": command, "option": "--format", "value": wanted, "values": list(FORMATS)}
        raise InputError("option.not-one-of", **values)
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
    """Make what is wanted, and write it."""
    if wanted == "json":
        made = json.dumps(data(), indent=1, ensure_ascii=False)
    else:
        made = page() if wanted == "html" else text()
    if output is None:
        show(made)
    else:
        write_atomically(output, made.encode())
