"""goodfit demo."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from goodfit.cli.claimed_folder import claimed_folder
from goodfit.cli.options import OUTPUT, Force, LanguageOption, NoProgress, Quiet

__all__ = ["demo"]


def demo(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder of the run.  [runs/penguins-<n>]", rich_help_panel=OUTPUT
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
    language: LanguageOption = "en",
) -> None:
    """Train on a bundled table (penguins: messy, with missing values) and write the report."""
    from importlib.resources import as_file, files

    from goodfit.cli.running import train_and_tell

    options: dict[str, Any] = {
        "progress": not (quiet or no_progress),
        "quiet": quiet,
        "language": language,
    }
    with as_file(files("goodfit.data").joinpath("bundled/penguins.csv")) as path:
        claim = nullcontext(output) if output is not None else claimed_folder(Path("runs"), path)
        with claim as folder:
            train_and_tell(path, folder=folder, force=force, target="Sex", **options)
