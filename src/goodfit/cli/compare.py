"""goodfit compare: finished runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.options import (
    OUTPUT,
    ForceFile,
    LanguageOption,
)
from goodfit.cli.output import show
from goodfit.errors import InputError
from goodfit.files import check_output, write_atomically

__all__ = ["compare"]

FORMATS = ("text", "json", "html")


def compare(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN RUN...", help="Folders of runs; the first is what the others are held to."
        ),
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
    language: LanguageOption = "en",
) -> None:
    """Compare runs on the same rows, which none has learned from: scores, tests, recipes, curves.

    goodfit compare runs/wine-1 runs/wine-2
    """
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    wanted = format or (suffix if suffix in FORMATS else "text")
    if wanted not in FORMATS:
        values = {"owner": "compare", "option": "--format", "value": wanted, "values": list(FORMATS)}
        raise InputError("option.not-one-of", **values)
    if output is not None:
        check_output(output, force=force)
    from goodfit.comparing import compare as compared
    from goodfit.comparison_report import comparison_page

    found = compared(*(runs or []))
    if wanted == "json":
        text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False)
    else:
        text = comparison_page(found, language) if wanted == "html" else found.to_text(language)
    if output is None:
        show(text)
    else:
        write_atomically(output, text.encode())
