"""What each section of the report says, as plain data for the template."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goodfit.evaluation.text import shorten
from goodfit.finding import Finding
from goodfit.messages import catalogue, say, thousands
from goodfit.observations import higher_is_better
from goodfit.plots.style import metric_name
from goodfit.recipe import Recipe
from goodfit.report.figures import (
    MOST_TARGETS,
    evaluation_figures,
    learning_curve_figure,
    metric_figures,
    scores_figure,
)
from goodfit.report.formats import as_toml, duration, interval, number, percent, score, sentence
from goodfit.report.parts import ReportParts

if TYPE_CHECKING:
    from goodfit.evaluation.scores import Evaluation

__all__ = ["Card", "diagnosis", "evaluation", "prediction", "recipe", "repeats", "training"]

NEARLY = 0.99
MOST_WORST = 10
VALUES_SHOWN = 6  # of a row that it gets most wrong
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
        facts.append(("parameters", thousands(parts.parameters, language)))
    drawn = len(history) > 0
    beside = () if parts.repeats is None else parts.repeats.histories
    ours = "running_loss" in history
    curves = learning_curve_figure(history, parts.worst_first, language, ours=ours, beside=beside)
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
        "rows": thousands(measured.rows, language),
        "models": [measured.predictor_name(model, language) for model in models],
        "scores": [_score_row(measured, name, models, language) for name in measured.metrics],
        "figure": scores_figure(measured, language),
        "confusion": None if matrix is None else _confusion(measured, language),
        "classes": [
            (row.label, *map(_two_digits, (row.precision, row.recall, row.f1)), thousands(row.rows, language))
            for row in measured.classes
        ],
        "outputs": [
            (row.name, *(number(value, language) for value in (row.rmse, row.mae, row.r2)))
            for row in (measured.outputs if len(measured.outputs) > 1 else ())
        ],
        "worst": _worst(parts, language),
        "worst_heads": [
            say(f"report.evaluation.worst-{head}", language)
            for head in ("row", "actual", "predicted", "loss", *(["values"] if _has_values(measured) else []))
        ],
        "notes": [note.text(language) for note in measured.notes],
        "figures": evaluation_figures(measured, language),
        "more_targets": _more_targets(measured, language),
        "shown": MOST_SHOWN,
    }


def repeats(parts: ReportParts, language: str) -> dict[str, Any] | None:
    """Return how far the trainings with other seeds or on other folds come apart; None for a single one."""
    several = parts.repeats
    if several is None:
        return None
    main = several.monitor if parts.evaluation is None else parts.evaluation.main_metric
    tables = {"spread": several.spread_table(language), "each": several.each_table(language)}
    return {
        "sentences": several.sentences(main, language),
        **{
            name: (say(f"population.table.{name}", language), rows[0], rows[1:])
            for name, rows in tables.items()
        },
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


def _card(finding: Finding, language: str) -> Card:
    since = (
        "" if finding.epoch is None else say("report.diagnosis.since", language, epoch=f"{finding.epoch:g}")
    )
    share = percent(finding.confidence, language, 0)
    return Card(
        finding=finding,
        title=finding.statement(language),
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


def _has_values(measured: Evaluation) -> bool:
    return any(row.values for row in measured.worst)


def _worst(parts: ReportParts, language: str) -> list[tuple[str, ...]]:
    """Return the rows it gets most wrong, with their values of the columns that matter most."""
    measured = parts.evaluation
    assert measured is not None
    columns = () if parts.importance is None else parts.importance.columns
    first = {column.name: place for place, column in enumerate(columns)}
    told = []
    for row in measured.worst[:MOST_WORST]:
        cells = [str(row.row), *(_spoken(value, language) for value in (row.actual, row.predicted, row.loss))]
        names = sorted(row.values, key=lambda name: first.get(name, len(first)))[:VALUES_SHOWN]
        if _has_values(measured):
            cells.append(
                ", ".join(f"{name} = {shorten(_spoken(row.values[name], language))}" for name in names)
            )
        told.append(tuple(cells))
    return told


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
        cells = [(thousands(value, language), round(100 * value / total)) for value in counts]
        rows.append((name, cells))
    return {"names": names, "rows": rows}


def _two_digits(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _spoken(value: Any, language: str) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_spoken(item, language) for item in value)
    return number(value, language)
