"""What the terminal says of a run."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import Any

from goodfit.finding import Finding
from goodfit.messages import Message, say
from goodfit.run import Run
from goodfit.workflow.progress import duration, sparkline

__all__ = ["tell_findings", "tell_run"]

WIDTH = 100
NAMES_SHOWN = 8


def tell_run(run: Run, language: str = "en") -> str:
    """Return the whole account of a training: data, course, findings, evaluation, and what to do with it."""
    sections = [
        _data(run, language),
        _course(run, language),
        tell_findings(run.findings, language),
        run.evaluation.to_text(language) if run.evaluation is not None else "",
        _next(run, language),
    ]
    return "\n\n".join(section for section in sections if section)


def tell_findings(findings: Iterable[Finding], language: str = "en") -> str:
    """Return the findings with what to do about each."""
    lines = [_heading("findings", language)]
    for finding in findings:
        severity = say(f"terminal.severity.{finding.severity}", language)
        head = say(
            "terminal.finding", language, severity=severity, title=finding.title(language), code=finding.code
        )
        lines += [head, *_wrapped(finding.explanation(language))]
        titles = finding.remedy_titles(language)
        if titles:
            lines += _wrapped(say("terminal.remedies", language, remedies="; ".join(titles)))
    if len(lines) == 1:
        lines.append(say("terminal.no-findings", language))
    return "\n".join(lines)


def _data(run: Run, language: str) -> str:
    table = run.table
    if table is None:
        return "\n".join(_notes(run.notes, language))
    profile, split = table.profile, table.split
    lines = [
        _heading("data", language),
        *_wrapped(
            say(
                "terminal.data",
                language,
                name=run.name,
                rows=f"{profile.rows:,}",
                target=list(profile.targets),
                task=say(f"terminal.task.{profile.task}", language),
                reason=profile.task_reason,
            )
        ),
        *_wrapped(
            say(
                "terminal.split",
                language,
                train=f"{len(split.train):,}",
                valid=f"{run.observations.valid_rows or 0:,}",
                test=f"{run.evaluation.rows if run.evaluation is not None else 0:,}",
                rule=split.rule,
            )
        ),
    ]
    for kind in ("number", "category", "boolean", "datetime"):
        names = [column.name for column in profile.used if column.kind == kind]
        if names:
            lines += _wrapped(
                f"{say(f'terminal.kind.{kind}', language, count=len(names))}: {_some(names, language)}"
            )
    for column in profile.columns:
        if not column.used:
            lines += _wrapped(
                say("terminal.not-used", language, column=column.name, reason=column.reason.text(language))
            )
    return "\n".join([*lines, *_notes((*table.notes, *profile.notes, *split.notes, *run.notes), language)])


def _course(run: Run, language: str) -> str:
    history = run.history
    seconds = float(history["seconds"][-1]) if "seconds" in history and len(history) else 0.0
    parameters = sum(weight.numel() for weight in run.model.parameters())
    lines = [
        _heading("training", language),
        *_wrapped(
            say(
                "terminal.course",
                language,
                model=run.recipe.model,
                parameters=f"{parameters:,}",
                epochs=f"{history['epoch'][-1]:g}" if len(history) else "0",
                time=duration(seconds),
                ended=say(f"terminal.ended.{history.ended_by}", language),
            )
        ),
    ]
    if history.best_row is not None:
        value = history[history.monitor][history.best_row]
        lines += _wrapped(
            say(
                "terminal.kept",
                language,
                epoch=f"{history.best_epoch:g}",
                monitor=history.monitor,
                value=f"{value:.4g}",
            )
        )
    lines += [
        f"  {sparkline(list(values), 60)}  {name}"
        for name in ("train_loss", "valid_loss")
        if (values := history.get(name)) is not None
    ]
    return "\n".join(lines)


def _next(run: Run, language: str) -> str:
    if run.folder is None:
        return ""
    lines = [say("terminal.saved", language, folder=str(run.folder), report=str(run.folder / "report.html"))]
    if run.table is not None:
        lines.append(say("terminal.predict", language, folder=str(run.folder)))
    return "\n".join(lines)


def _notes(notes: Iterable[Message], language: str) -> list[str]:
    return [
        line for note in notes for line in _wrapped(say("terminal.note", language, note=note.text(language)))
    ]


def _heading(code: str, language: str) -> str:
    return say(f"terminal.heading.{code}", language).upper()


def _wrapped(text: str) -> list[str]:
    return fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ").splitlines()


def _some(names: list[Any], language: str) -> str:
    if len(names) <= NAMES_SHOWN:
        return ", ".join(names)
    return say("terminal.and-more", language, names=names[:NAMES_SHOWN], count=len(names) - NAMES_SHOWN)
