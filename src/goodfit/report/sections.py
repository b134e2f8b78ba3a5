"""What each section of the report says, as plain data for the template."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goodfit.finding import Finding
from goodfit.messages import Message, catalogue, say
from goodfit.observations import higher_is_better
from goodfit.plots.scores import predictor_name
from goodfit.plots.style import metric_name, shortened
from goodfit.recipe import Recipe
from goodfit.report.figures import (
    MOST_TARGETS,
    evaluation_figures,
    learning_curve_figure,
    metric_figures,
    scores_figure,
)
from goodfit.report.formats import as_toml, count, duration, interval, number, percent, score, sentence
from goodfit.report.parts import ReportParts

if TYPE_CHECKING:
    from goodfit.data.table import Column, Profile
    from goodfit.evaluation.scores import Evaluation

__all__ = ["Card", "data", "diagnosis", "evaluation", "prediction", "recipe", "training"]

MOST_BARS = 12
LEAST_SHARE = 0.05  # of the rows, for a category to be named
NEARLY = 0.99
MOST_SHOWN = 12  # rows of a long table, or of a list, before the rest is folded away
MOST_CELLS = 30  # classes of a confusion matrix that is still a table


@dataclass(frozen=True)
class Card:
    """A finding as the report shows it."""

    finding: Finding
    title: str
    explanation: str
    since: str
    sure: str
    causes: tuple[str, ...]
    symptoms: tuple[str, ...]
    remedies: tuple[tuple[str, Mapping[str, Any]], ...]
    evidence: tuple[tuple[str, str], ...]


def data(parts: ReportParts, language: str) -> dict[str, Any] | None:
    """Return what is said of the rows and the columns; None where nothing is known of them."""
    profile, split = parts.profile, parts.split
    if profile is None and split is None and parts.source is None:
        return None
    facts = []
    if parts.source is not None:
        facts.append(("source", parts.source.name))
    if profile is not None:
        facts.append(("rows", count(profile.rows, language)))
        facts.append(("targets" if len(profile.targets) > 1 else "target", ", ".join(profile.targets)))
        facts.append(("task", sentence(profile.task_reason.text(language))))
        used = len(profile.used)
        columns = {"used": count(used, language), "dropped": count(len(profile.columns) - used, language)}
        facts.append(("columns", say("report.fact.columns-used", language, **columns)))
        for name, column in (("group", profile.group_column), ("time", profile.time_column)):
            if column is not None:
                facts.append((name, column))
    notes = [*parts.notes, *(profile.notes if profile else ()), *(split.notes if split else ())]
    texts = list(dict.fromkeys(note.text(language) for note in notes))
    return {
        "facts": facts,
        "shares": _shares(parts, language),
        "rule": "" if split is None else split.rule.text(language),
        "classes": () if profile is None else _class_bars(profile, language),
        "more_classes": 0 if profile is None else max(0, len(_class_counts(profile)) - MOST_BARS),
        "notes": texts[:MOST_SHOWN],
        "more_notes": texts[MOST_SHOWN:],
        "columns": () if profile is None else _columns(profile, parts.preparation, language),
        "shown": MOST_SHOWN,
    }


def training(parts: ReportParts, language: str) -> dict[str, Any] | None:
    """Return the facts and figures of the training; None where there is no History."""
    history = parts.history
    if history is None:
        return None
    facts = []
    task = f"report.task.{parts.known_task}"
    if parts.profile is None and task in catalogue(language):
        facts.append(("task", say(task, language)))
    if len(history):
        epochs = history.get("epoch")
        done = number(float(len(history) if epochs is None else epochs[-1]), language)
        if history.best_epoch is not None:
            best = number(float(history.best_epoch), language)
            done = say("report.fact.epochs-best", language, epochs=done, best=best)
        facts.append(("epochs", done))
    if history.ended_by is not None:
        facts.append(("ended", say(f"report.ended.{history.ended_by}", language)))
    if parts.seconds is not None:
        facts.append(("seconds", duration(parts.seconds, language)))
    if parts.parameters is not None:
        facts.append(("parameters", count(parts.parameters, language)))
    drawn = len(history) > 0
    curves = learning_curve_figure(history, parts.worst_first, language, ours="running_loss" in history)
    return {
        "facts": facts,
        "curves": curves if drawn else None,
        "metrics": metric_figures(history, language) if drawn else [],
        "network": "\n".join(parts.network),
    }


def diagnosis(parts: ReportParts, language: str) -> dict[str, Any] | None:
    """Return the findings, the worst first, and what could not be told; None where nothing was looked at."""
    if parts.history is None and not parts.findings:
        return None
    return {
        "cards": [_card(finding, language) for finding in parts.worst_first],
        "untold": [message.text(language) for message in parts.untold],
    }


def evaluation(parts: ReportParts, language: str) -> dict[str, Any] | None:
    """Return the scores beside the baselines, the tables and the figures; None without an Evaluation."""
    measured = parts.evaluation
    if measured is None:
        return None
    models = ["network", *(name for name in ("linear", "prior") if name in measured.baselines)]
    matrix = measured.confusion if measured.confusion and len(measured.confusion) <= MOST_CELLS else None
    return {
        "rows": count(measured.rows, language),
        "models": [predictor_name(measured, model, language) for model in models],
        "scores": [_score_row(measured, name, models, language) for name in measured.metrics],
        "figure": scores_figure(measured, language),
        "confusion": None if matrix is None else _confusion(measured, language),
        "classes": [
            (row.label, *map(_two_digits, (row.precision, row.recall, row.f1)), count(row.rows, language))
            for row in measured.classes
        ],
        "outputs": [
            (row.name, *(number(value, language) for value in (row.rmse, row.mae, row.r2)))
            for row in (measured.outputs if len(measured.outputs) > 1 else ())
        ],
        "worst": [
            tuple(_spoken(value, language) for value in (row.row, row.actual, row.predicted, row.loss))
            for row in measured.worst
        ],
        "notes": [note.text(language) for note in measured.notes],
        "figures": evaluation_figures(measured, language),
        "more_targets": _more_targets(measured, language),
        "shown": MOST_SHOWN,
    }


def recipe(parts: ReportParts) -> dict[str, Any] | None:
    """Return what was decided; None for a training by somebody else's loop."""
    if parts.recipe is None:
        return None
    defaults = Recipe()
    return {
        "changed": [
            (name, as_toml(value), as_toml(getattr(defaults, name)))
            for name, value in parts.recipe.changes().items()
        ],
        "whole": parts.recipe.to_toml(),
    }


def prediction(parts: ReportParts, language: str) -> list[tuple[str, str]]:
    """Return the ways to predict with this run: a heading and the lines to type."""
    ways = (("command", parts.predict_command), ("python", parts.predict_python))
    return [(say(f"report.predict.{name}", language), lines) for name, lines in ways if lines]


def _shares(parts: ReportParts, language: str) -> list[tuple[str, str, str, float]]:
    """Return each part of the split: its name in code and in words, its rows, and its share of all."""
    if parts.split is None:
        return []
    rows = {name: len(getattr(parts.split, name)) for name in ("train", "valid", "test")}
    total = max(1, sum(rows.values()))
    return [
        (name, say(f"report.part.{name}", language), count(size, language), size / total)
        for name, size in rows.items()
        if size
    ]


def _class_counts(profile: Profile) -> list[tuple[Any, int]]:
    if profile.task == "regression" or len(profile.target_columns) != 1:
        return []
    return _levels(profile.target_columns[0])


def _levels(column: Column) -> list[tuple[Any, int]]:
    """Return a column's most frequent values with their counts."""
    levels = column.facts.get("levels") or ()
    return [(value, int(rows)) for value, rows in (levels.items() if isinstance(levels, Mapping) else levels)]


def _class_bars(profile: Profile, language: str) -> list[tuple[str, str, str, float]]:
    counts = _class_counts(profile)[:MOST_BARS]
    largest = max((rows for _, rows in counts), default=1)
    return [
        (str(value), count(rows, language), percent(rows / max(1, profile.rows), language), rows / largest)
        for value, rows in counts
    ]


def _columns(
    profile: Profile, preparation: Iterable[tuple[str, str, Message]], language: str
) -> list[dict[str, Any]]:
    done = defaultdict(list)
    for name, _, message in preparation:
        done[name].append(sentence(message.text(language)))
    return [
        {
            "name": column.name,
            "kind": say(f"report.kind.{column.kind}", language),
            "used": column.used,
            "reason": sentence(column.reason.text(language)),
            "missing": _missing(column, profile.rows, language),
            "values": _values(column, profile.rows, language),
            "range": _range(column),
            "done": done[column.name],
        }
        for column in profile.columns
    ]


def _missing(column: Column, rows: int, language: str) -> str:
    if not column.missing:
        return ""
    values = {
        "count": count(column.missing, language),
        "share": percent(column.missing / max(1, rows), language),
    }
    return say("report.data.missing", language, **values)


def _values(column: Column, rows: int, language: str) -> str:
    """Return the values of a column in a few words."""
    facts = column.facts
    low, high, median = (facts.get(name) for name in ("minimum", "maximum", "median"))
    if column.kind == "number" and low is not None and high is not None and median is not None:
        ends = {
            "low": number(low, language),
            "high": number(high, language),
            "median": number(median, language),
        }
        return say("report.data.range", language, **ends)
    known = max(1, rows - column.missing)
    if column.kind in ("category", "boolean"):
        named = [
            f"{shortened(str(value), 20)} {percent(times / known, language, 0)}"
            for value, times in _levels(column)[:3]
            if times / known > LEAST_SHARE
        ]
        if named:
            return ", ".join(named) + (", …" if column.distinct > len(named) else "")
    return say("report.data.distinct", language, count=column.distinct)


def _range(column: Column) -> tuple[float, float, float] | None:
    """Return where the mean less and plus a deviation and the median lie, between 0 and 100."""
    names = ("minimum", "maximum", "mean", "deviation", "median")
    facts = [column.facts.get(name) for name in names]
    if column.kind != "number" or any(value is None for value in facts):
        return None
    low, high, mean, deviation, median = (float(value) for value in facts if value is not None)
    if not high > low:
        return None

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 1)

    return place(mean - deviation), place(mean + deviation), place(median)


def _card(finding: Finding, language: str) -> Card:
    since = (
        "" if finding.epoch is None else say("report.diagnosis.since", language, epoch=f"{finding.epoch:g}")
    )
    share = percent(finding.confidence, language, 0)
    return Card(
        finding=finding,
        title=finding.title(language),
        explanation=finding.explanation(language),
        since=since,
        sure=say(
            f"report.diagnosis.{'nearly-' if finding.confidence > NEARLY else ''}sure", language, share=share
        ),
        causes=tuple(
            f"{_named(c.code, language)} ({percent(c.confidence, language, 0)})"
            for c in sorted(finding.causes, key=lambda cause: -cause.confidence)
        ),
        symptoms=tuple(_named(code, language) for code in finding.symptoms),
        remedies=tuple(
            (words, remedy.recipe)
            for words, remedy in zip(finding.remedy_titles(language), finding.remedies, strict=True)
        ),
        evidence=tuple((name, _spoken(value, language)) for name, value in finding.evidence.items()),
    )


def _named(code: str, language: str) -> str:
    for key in (f"findings.causes.{code}", f"report.cause.{code}", f"findings.{code}.title"):
        if key in catalogue(language):
            return say(key, language)
    return code.replace("-", " ")


def _score_row(measured: Evaluation, metric: str, models: list[str], language: str) -> dict[str, Any]:
    key = f"report.metric.{metric}.meaning"
    cells = []
    for model in models:
        scores = measured.metrics if model == "network" else measured.baselines[model]
        found = scores.get(metric)
        cells.append(
            ("–", "")
            if found is None
            else (score(found.value, metric, language), interval(found, metric, language))
        )
    return {
        "name": sentence(metric_name(metric, language)).removesuffix("."),
        "meaning": say(key, language) if key in catalogue(language) else "",
        "better": say(f"report.evaluation.{'higher' if higher_is_better(metric) else 'lower'}", language),
        "main": metric == measured.main_metric,
        "cells": cells,
    }


def _more_targets(measured: Evaluation, language: str) -> str:
    several = len(measured.targets)
    if several <= MOST_TARGETS or not measured.figures.get("actual"):
        return ""
    return say("report.evaluation.more-targets", language, shown=MOST_TARGETS, count=several)


def _confusion(measured: Evaluation, language: str) -> dict[str, Any]:
    names = [row.label for row in measured.classes]
    rows = []
    for name, counts in zip(names, measured.confusion or (), strict=True):
        total = max(1, sum(counts))
        cells = [(count(value, language), round(100 * value / total)) for value in counts]
        rows.append((name, cells))
    return {"names": names, "rows": rows}


def _two_digits(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _spoken(value: Any, language: str) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_spoken(item, language) for item in value)
    return number(value, language)
