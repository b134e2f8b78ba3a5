"""goodfit diagnose."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goodfit.cli.options import OUTPUT, LanguageOption
from goodfit.cli.output import remark, show, width
from goodfit.cli.result_file import Format, chosen_format
from goodfit.errors import InputError
from goodfit.files import check_output, write_atomically
from goodfit.finding import SEVERITIES, Finding
from goodfit.messages import say

if TYPE_CHECKING:
    from goodfit.diagnosis.readers.log import Log

__all__ = ["diagnose"]

LOG = "What the log does not say"


def diagnose(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            show_default=False,
            help="Logs: CSV, JSON, JSON lines, TensorBoard events, MLflow metrics; or folders of them.",
        ),
    ],
    train_loss: Annotated[
        str | None,
        typer.Option("--train-loss", metavar="COLUMN", help="Training loss.", rich_help_panel=LOG),
    ] = None,
    valid_loss: Annotated[
        str | None,
        typer.Option("--valid-loss", metavar="COLUMN", help="Validation loss.", rich_help_panel=LOG),
    ] = None,
    classes: Annotated[
        int | None, typer.Option("--classes", metavar="N", help="Number of classes.", rich_help_panel=LOG)
    ] = None,
    prior_loss: Annotated[
        float | None,
        typer.Option(
            "--prior-loss", metavar="X", help="Loss of the best constant prediction.", rich_help_panel=LOG
        ),
    ] = None,
    validation_rows: Annotated[
        int | None,
        typer.Option(
            "--validation-rows", metavar="N", help="Rows that were validated on.", rich_help_panel=LOG
        ),
    ] = None,
    format: Format = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write there, not to stdout; for pages of several trainings a folder.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file.", rich_help_panel=OUTPUT)
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
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Diagnose again whenever the log grows, until Ctrl-C.", rich_help_panel=OUTPUT
        ),
    ] = False,
    idle: Annotated[
        float | None,
        typer.Option(
            "--idle",
            metavar="SECONDS",
            help="With --follow: end when the log has not grown for so long.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Leave out the notes.", rich_help_panel=OUTPUT)
    ] = False,
    language: LanguageOption = "en",
) -> None:
    """Say what is wrong with a training, from the log of whatever trained.

    goodfit diagnose run.csv
    """
    output_format = chosen_format("diagnose", format, output)
    if fail_on not in (None, *SEVERITIES):
        raise InputError(
            "option.not-one-of", owner="diagnose", option="--fail-on", value=fail_on, values=list(SEVERITIES)
        )
    if follow and output_format == "html":
        raise InputError("log.follow-html")
    told = {
        "train_loss": train_loss,
        "valid_loss": valid_loss,
        "classes": classes,
        "prior_loss": prior_loss,
        "validation_rows": validation_rows,
    }
    if follow:
        found = _follow(paths, told, output_format, quiet, language, idle)
    else:
        found = _diagnosed(paths, told)
        if output_format == "html":
            _write_pages(found, output, force, language)
        else:
            text = _text(found, output_format, quiet, language)
            if output is None:
                show(text)
            else:
                check_output(output, force=force)
                write_atomically(output, text + "\n")
                show(str(output))
    if fail_on is not None:
        grave = SEVERITIES[SEVERITIES.index(fail_on) :]
        if any(finding.severity in grave for _, findings in found for finding in findings):
            raise typer.Exit(1)


Diagnosed = list[tuple["Log", list[Finding]]]


def _diagnosed(paths: list[Path], told: dict[str, Any]) -> Diagnosed:
    from goodfit.diagnosis.diagnose import diagnose as diagnose_observations
    from goodfit.diagnosis.readers.read import read_logs

    return [(log, diagnose_observations(log.observations)) for log in read_logs(paths, **told)]


def _follow(
    paths: list[Path],
    told: dict[str, Any],
    output_format: str,
    quiet: bool,
    language: str,
    idle: float | None,
) -> Diagnosed:
    """Print the findings whenever they change; a log that does not exist yet, or is half written, may."""
    found: Diagnosed = []
    shown, stamp, since = None, None, time.monotonic()
    try:
        while True:
            now = _stamp(paths)
            if now != stamp:
                stamp, since = now, time.monotonic()
                try:
                    found = _diagnosed(paths, told)
                except InputError as error:
                    text = error.text(language)
                    if text != shown:
                        remark(text)
                else:
                    text = _text(found, output_format, quiet, language, compact=True)
                    if text != shown:
                        show(text)
                shown = text
            if idle is not None and time.monotonic() - since > idle:
                return found
            time.sleep(min(1.0, idle / 4) if idle else 1.0)
    except KeyboardInterrupt:
        return found


def _stamp(paths: list[Path]) -> list[tuple[str, int, int]]:
    """Return what changes when a log grows: names, sizes and times of the files."""
    stamps = []
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            try:
                facts = file.stat()
            except OSError:
                continue
            stamps.append((str(file), facts.st_size, facts.st_mtime_ns))
    return stamps


def _text(found: Diagnosed, output_format: str, quiet: bool, language: str, *, compact: bool = False) -> str:
    if output_format == "json":
        runs = [_as_dict(log, findings, language) for log, findings in found]
        content = {"findings": runs[0]["findings"]} if len(runs) == 1 else {"runs": runs}
        return json.dumps(content, ensure_ascii=False, indent=None if compact else 2, allow_nan=False)
    from goodfit.cli.telling import wrapped

    lines: list[str] = []
    for log, findings in found:
        lines += (
            ["", *_told(log, findings, quiet, language)] if lines else _told(log, findings, quiet, language)
        )
    return wrapped(lines, width(100))


def _as_dict(log: Log, findings: list[Finding], language: str) -> dict[str, Any]:
    return {"name": log.name, "findings": [finding.to_dict(language) for finding in findings]}


def _told(log: Log, findings: list[Finding], quiet: bool, language: str) -> list[str]:
    from goodfit.cli.telling import tell_findings
    from goodfit.diagnosis.diagnose import missing_evidence, too_short

    history = log.observations.history
    lines = [say("log.told", language, name=log.name, format=log.format, count=len(history))]
    untold = missing_evidence(log.observations)
    lines += tell_findings(findings, untold, language)
    if not quiet:
        rest = [*log.notes, *(one for one in untold if one != too_short(untold))]
        lines += [f"  {say('terminal.notes', language)}"] if rest else []
        lines += [f"    - {note.text(language)}" for note in rest]
    return lines


def _write_pages(found: Diagnosed, output: Path | None, force: bool, language: str) -> None:
    """Write the page of one training to a file or stdout, those of several into a folder."""
    if len(found) == 1:
        page = _page(*found[0], language)
        if output is None:
            show(page)
        else:
            check_output(output, force=force)
            write_atomically(output, page)
            show(str(output))
        return
    if output is None:
        raise InputError("log.html-of-several", count=len(found))
    if output.is_file():
        raise InputError("log.output-is-file", path=str(output), count=len(found))
    files = [
        output / f"{number:02}-{_plain(log.name)}.html" for number, (log, _) in enumerate(found, start=1)
    ]
    for file in files:
        check_output(file, force=force)
    for file, (log, findings) in zip(files, found, strict=True):
        write_atomically(file, _page(log, findings, language))
    show(str(output))


def _plain(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name)[:80]


def _page(log: Log, findings: list[Finding], language: str) -> str:
    from goodfit.diagnosis.diagnose import missing_evidence
    from goodfit.report.parts import ReportParts
    from goodfit.report.render import render_report

    observations = log.observations
    return render_report(
        ReportParts(
            name=log.name,
            recipe=observations.recipe,
            history=observations.history,
            findings=findings,
            task=observations.task,
            notes=log.notes,
            untold=missing_evidence(observations),
        ),
        language,
    )
