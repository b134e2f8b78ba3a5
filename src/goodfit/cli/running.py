"""Training from the command line: what is said of it, and the exit status it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from goodfit.cli.output import show, width
from goodfit.cli.telling import WIDTH, tell_run
from goodfit.finding import SEVERITIES
from goodfit.workflow.train import train

__all__ = ["train_and_tell"]


def train_and_tell(
    data: Any, *, folder: Path | None, quiet: bool, language: str, fail_on: str | None = None, **options: Any
) -> None:
    """Train, print what came of it, and exit with the status that it calls for."""
    run = train(data, folder=folder, language=language, **options)
    if not quiet:
        show(tell_run(run, language, width(WIDTH)))
    if run.history.ended_by == "interrupted":
        raise typer.Exit(130)
    if fail_on is not None:
        grave = SEVERITIES[SEVERITIES.index(fail_on) :]
        if any(finding.severity in grave for finding in run.findings):
            raise typer.Exit(1)
