"""What the terminal says of a run."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from goodfit.diagnosis.diagnose import missing_evidence, too_short
from goodfit.evaluation.text import align, shorten, wrapped
from goodfit.finding import Finding
from goodfit.messages import Message, say, thousands
from goodfit.workflow.progress import duration, sparkline

if TYPE_CHECKING:
    from goodfit.data.preparation import Preparation
    from goodfit.data.table import Profile
    from goodfit.recipe import Recipe
    from goodfit.run import Run

__all__ = [
    "WIDTH",
    "tell_evaluation",
    "tell_findings",
    "tell_importance",
    "tell_note",
    "tell_repeats",
    "tell_run",
    "wrapped",
]

WIDTH = 100
NAMES_SHOWN = 8
VALUES_SHOWN = 5
LONGEST_VALUE = 40
CURVE = 50
COLUMNS_SHOWN = 5
TOLD_OF_EACH_COLUMN = ("dropped-identifier", "dropped-constant", "dropped-empty", "dropped-dropped")


def tell_run(run: Run, language: str = "en", width: int = WIDTH) -> str:
    """Return the whole account of a training: data, course, findings, evaluation, and what to do with it."""
    sections = [
        _data(run, language),
        _course(run, language),
        tell_findings(run.findings, missing_evidence(run.observations), language),
        tell_evaluation(run, language),
        tell_repeats(run, language),
        tell_importance(run, language),
        _next(run, language),
    ]
    return "\n\n".join(wrapped(section, width) for section in sections if section)


def tell_findings(findings: Iterable[Finding], untold: Iterable[Message], language: str = "en") -> list[str]:
    """Return the findings with what to do about each, and whether there were epochs enough to judge."""
    lines = [_heading("findings", language)]
    for finding in findings:
        severity = say(f"terminal.severity.{finding.severity}", language)
        title = finding.statement(language)
        lines.append(
            "  " + say("terminal.finding", language, severity=severity, title=title, code=finding.code)
        )
        lines.append("    " + finding.explanation(language))
        titles = finding.remedy_titles(language)
        if titles:
            lines.append("    " + say("terminal.try", language))
        lines += [f"      - {title}" for title in titles]
    short = too_short(untold)
    if short is not None:
        lines.append("  " + short.text(language))
    if len(lines) == 1:
        lines.append("  " + say("terminal.no-findings", language))
    return lines


def tell_evaluation(run: Run, language: str = "en") -> list[str]:
    """Return the scores on the test rows."""
    if run.evaluation is None:
        return []
    text = run.evaluation.to_text(language)
    return [_heading("evaluation", language), *(f"  {line}" if line else "" for line in text.splitlines())]


def tell_importance(run: Run, language: str = "en") -> list[str]:
    """Return which columns the network leans on most."""
    measured = run.own_importance
    if measured is None:
        return []
    lead, table, *_ = measured.to_text(language, COLUMNS_SHOWN).split("\n\n")
    return [_heading("importance", language), f"  {lead}", "", *(f"  {line}" for line in table.splitlines())]


def tell_repeats(run: Run, language: str = "en") -> list[str]:
    """Return how far the trainings with other seeds or on other folds come apart."""
    repeats = run.repeats
    if repeats is None:
        return []
    main = run.history.monitor if run.evaluation is None else run.evaluation.main_metric
    table = repeats.spread_table(language)
    lines = [say(f"population.heading.{repeats.kind}", language).upper()]
    lines += [f"  {line}" for line in align(table, range(1, len(table[0])), language).splitlines()]
    sentences = [*repeats.sentences(main, language), repeats.how_good(main, language)]
    return [*lines, "", *(f"  {sentence}" for sentence in sentences if sentence)]


def tell_note(note: Message, language: str = "en") -> str:
    """Return a note with long values and long lists of them cut short."""
    return Message(note.code, {name: _brief(value) for name, value in note.values.items()}).text(language)


def _data(run: Run, language: str) -> list[str]:
    table = run.table
    if table is None:
        return _list("notes", (tell_note(note, language) for note in run.notes), language)
    profile, split = table.profile, table.split
    lines = [_heading("data", language)]
    lines.append("  " + say("terminal.data", language, name=run.name, rows=profile.rows))
    reason = profile.task_reason
    lines.append("  " + say("terminal.target", language, targets=list(profile.targets), reason=reason))
    lines.append("  " + split.rule.text(language))
    given = {
        "valid": 0 if len(split.valid) else run.observations.valid_rows,
        "test": 0 if len(split.test) or run.evaluation is None else run.evaluation.rows,
    }
    lines += [
        f"  {say(f'terminal.given-{part}', language, count=rows)}" for part, rows in given.items() if rows
    ]
    lines += _list("inputs", [*_inputs(profile, language), *_scalings(table.preparation, language)], language)
    unused = [column for column in profile.columns if not column.used]
    left_out = [f"{column.name}: {column.reason.text(language)}" for column in unused[:NAMES_SHOWN]]
    if len(unused) > NAMES_SHOWN:
        left_out.append(say("terminal.more", language, count=len(unused) - NAMES_SHOWN))
    lines += _list("not-used", left_out, language)
    notes = (*table.notes, *profile.notes, *split.notes, *run.notes)
    worth = [note for note in notes if note.code.rpartition(".")[2] not in TOLD_OF_EACH_COLUMN]
    return [*lines, *_list("notes", (tell_note(note, language) for note in worth), language)]


def _inputs(profile: Profile, language: str) -> Iterable[str]:
    for kind in ("number", "category", "boolean", "datetime", "text"):
        names = [column.name for column in profile.used if column.kind == kind]
        if names:
            yield f"{say(f'terminal.kind.{kind}', language, count=len(names))}: {_some(names, language)}"


def _scalings(preparation: Preparation, language: str) -> Iterable[str]:
    """Yield how many numbers have which scaling, the most frequent first."""
    counts = Counter(column.scaling for column in preparation.columns if column.kind == "number")
    if counts:
        shown = [f"{count} {scaling}" for scaling, count in counts.most_common()]
        yield say("terminal.scaled", language, scalings=shown)


def _course(run: Run, language: str) -> list[str]:
    history = run.history
    seconds = float(history["seconds"][-1]) if "seconds" in history and len(history) else 0.0
    several = run.recipe.networks
    first = next(iter(run.model.members)) if several > 1 else run.model  # type: ignore[arg-type]
    parameters = sum(weight.numel() for weight in first.parameters())
    epochs = round(float(history["epoch"][-1]), 1) if len(history) else 0.0
    lines = [
        _heading("training", language),
        *(["  " + say("terminal.averaged", language, count=several)] if several > 1 else []),
        "  "
        + say(
            "terminal.course",
            language,
            model=_network(run.recipe),
            parameters=thousands(parameters, language),
            epochs=say("terminal.epochs", language, count=epochs),
            time=duration(seconds),
            ended=_ended(run, language),
        ),
    ]
    if history.best_row is not None:
        value = f"{history[history.monitor][history.best_row]:.4g}"
        epoch = f"{round(history.best_epoch or 0.0, 1):g}"
        lines.append("  " + say("terminal.kept", language, epoch=epoch, monitor=history.monitor, value=value))
    for name in ("train_loss", "valid_loss"):
        values = history.get(name)
        if values is not None:
            curve = sparkline(list(values), CURVE)
            lines.append(f"  {name}  {curve}  {values[0]:.4g} → {values[-1]:.4g}")
    return lines


def _network(recipe: Recipe) -> str:
    layers = "-".join(str(units) for units in recipe.hidden)
    return f"{recipe.model} {layers}" if recipe.model != "linear" and layers else recipe.model


def _ended(run: Run, language: str) -> str:
    ended = run.history.ended_by
    if ended == "patience" and run.recipe.patience is not None:
        return say("terminal.ended.patience", language, count=run.recipe.patience)
    return say(f"terminal.ended.{ended}", language)


def _next(run: Run, language: str) -> list[str]:
    if run.folder is None:
        return []
    from goodfit.run_report import can_measure_more_rows

    folder = shlex.quote(str(run.folder))
    lines = [_heading("next", language)]
    lines.append("  " + say("terminal.report", language, report=str(run.folder / "report.html")))
    if run.table is not None:
        lines.append("  " + say("terminal.predict", language, folder=folder))
    if can_measure_more_rows(run) and any(finding.code == "overfitting" for finding in run.findings):
        lines.append("  " + say("terminal.data-curve", language, folder=folder))
    if run.history.ended_by == "interrupted":
        lines.append("  " + say("terminal.resume", language, folder=folder))
    return lines


def _list(code: str, items: Iterable[str], language: str) -> list[str]:
    lines = [f"    - {item}" for item in items]
    return [f"  {say(f'terminal.{code}', language)}", *lines] if lines else []


def _heading(code: str, language: str) -> str:
    return say(f"terminal.heading.{code}", language).upper()


def _some(names: list[Any], language: str) -> str:
    names = [shorten(name, LONGEST_VALUE) for name in names]
    if len(names) <= NAMES_SHOWN:
        return ", ".join(names)
    return say("terminal.and-more", language, names=names[:NAMES_SHOWN], count=len(names) - NAMES_SHOWN)


def _brief(value: Any) -> Any:
    if isinstance(value, str):
        return shorten(value, LONGEST_VALUE)
    if isinstance(value, (list, tuple)):
        shown = [_brief(item) for item in value[:VALUES_SHOWN]]
        return shown if len(value) <= VALUES_SHOWN else [*shown, "…"]
    return value
