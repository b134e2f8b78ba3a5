"""goodfit compare: finished runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.options import (
    ForceFile,
    LanguageOption,
)
from goodfit.cli.output import width
from goodfit.cli.result_file import Format, OutputFile, deliver, wanted_format

__all__ = ["compare"]


def compare(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN RUN...", help="Folders of runs; the first is what the others are held to."
        ),
    ] = None,
    format: Format = None,
    output: OutputFile = None,
    force: ForceFile = False,
    language: LanguageOption = "en",
) -> None:
    """Compare runs on the same rows, which none has learned from: scores, tests, recipes, curves.

    goodfit compare runs/wine-1 runs/wine-2
    """
    wanted = wanted_format("compare", format, output, force=force)
    from goodfit.cli.telling import WIDTH, wrapped
    from goodfit.comparing import compare as compared
    from goodfit.comparison_report import comparison_page

    found = compared(*(runs or []))
    deliver(
        wanted,
        output,
        data=found.to_dict,
        text=lambda: wrapped(found.to_text(language).splitlines(), width(WIDTH)),
        page=lambda: comparison_page(found, language),
    )
