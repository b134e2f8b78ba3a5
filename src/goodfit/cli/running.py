"""Training from the command line: what is said of it, and the exit status it leads to."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import typer

from goodfit.cli.output import remark, show, width
from goodfit.cli.telling import WIDTH, tell_run
from goodfit.finding import SEVERITIES
from goodfit.messages import say
from goodfit.saving import is_begun
from goodfit.workflow.train import train

__all__ = ["train_and_tell"]


def train_and_tell(
    data: Any,
    *,
    folder: Path | None,
    quiet: bool,
    language: str,
    resume: Path | None = None,
    fail_on: str | None = None,
    **options: Any,
) -> None:
    """Train, print what came of it, and exit with the status that it calls for."""
    try:
        run = train(data, folder=folder, language=language, resume=resume, **options)
    except KeyboardInterrupt:
        begun = folder if folder is not None and is_begun(folder) else resume
        if begun is not None:
            remark(say("terminal.stopped", language, folder=shlex.quote(str(begun))))
        raise
    if not quiet:
        show(tell_run(run, language, width(WIDTH)))
    if run.history.ended_by == "interrupted":
        raise typer.Exit(130)
    if fail_on is not None:
        grave = SEVERITIES[SEVERITIES.index(fail_on) :]
        if any(finding.severity in grave for finding in run.findings):
            raise typer.Exit(1)
