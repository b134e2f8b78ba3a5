"""The figures of a report, as SVG with a title, a caption and a description for those who do not see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from goodfit.evaluation.scores import Evaluation
from goodfit.finding import Finding
from goodfit.messages import say, thousands
from goodfit.observations import History
from goodfit.plots.classification import calibration, roc_curve
from goodfit.plots.curves import learning_curves
from goodfit.plots.regression import MOST_POINTS, predicted_actual, residuals
from goodfit.plots.scores import scores_beside_baselines, scores_of
from goodfit.plots.style import metric_name
from goodfit.plots.svg import to_svg
from goodfit.report.formats import interval, number, score, sentence

__all__ = ["ReportFigure", "evaluation_figures", "learning_curve_figure", "metric_figures", "scores_figure"]

WIDE, NARROW = 7.6, 3.9  # inches; the narrow one is for phones
MOST_TARGETS = 4
MOST_METRICS = 6


@dataclass(frozen=True)
class ReportFigure:
    """One figure of the page; ``narrow`` is the same for a phone, where it needs another shape."""

    title: str
    caption: str
    svg: str
    narrow: str = ""


def learning_curve_figure(
    history: History,
    findings: Sequence[Finding],
    language: str,
    *,
    ours: bool,
    beside: Sequence[History] = (),
) -> ReportFigure | None:
    """Draw the loss with the best epoch and the findings; None where no loss was measured."""
    if not any(name in history for name in ("train_loss", "valid_loss", "running_loss")):
        return None
    label = _described(history, findings, language)
    drawings = [
        to_svg(
            _figure(learning_curves(history, findings, beside=beside, language=language, width=width)),
            label,
            f"loss-{name}",
        )
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    title = say("report.training.figure", language)
    caption = say(f"report.training.caption{'' if ours else '-any'}", language)
    if beside:
        caption += " " + say("population.figure.caption", language, count=len(beside))
    return ReportFigure(title, caption, *drawings)


def metric_figures(history: History, language: str) -> list[ReportFigure]:
    """Draw a figure for each metric that was measured as the training went."""
    drawn = []
    for place, metric in enumerate(history.metrics[:MOST_METRICS]):
        if history.get(f"train_{metric}") is not None or history.get(f"valid_{metric}") is not None:
            title = sentence(
                say("report.training.metric-figure", language, metric=metric_name(metric, language))
            )
            axes = learning_curves(history, metric=metric, language=language, width=NARROW)
            drawn.append(ReportFigure(title, "", to_svg(_figure(axes), title, f"metric-{place}")))
    return drawn


def scores_figure(evaluation: Evaluation, language: str) -> ReportFigure | None:
    """Draw the metric the models are compared by; None where there is nothing to compare with."""
    metric = evaluation.main_metric
    scores = scores_of(evaluation, metric)
    if len(scores) < 2:
        return None
    name = metric_name(metric, language)
    words = [
        f"{evaluation.predictor_name(model, language)}: {score(value.value, metric, language)} "
        f"({interval(value, metric, language)})"
        for model, value in scores.items()
    ]
    label = say("report.evaluation.scores-label", language, metric=name, scores=words)
    svg = to_svg(_figure(scores_beside_baselines(evaluation, language=language)), label, "scores")
    return ReportFigure(sentence(say("report.evaluation.scores-figure", language, metric=name)), "", svg)


def evaluation_figures(evaluation: Evaluation, language: str) -> list[ReportFigure]:
    """Draw what the Evaluation holds points for."""
    if evaluation.task == "regression":
        return _figures_of_numbers(evaluation, language)
    drawn = []
    if evaluation.figures.get("roc"):
        title = say("report.evaluation.roc-figure", language)
        svg = to_svg(_figure(roc_curve(evaluation, language=language)), title, "roc")
        drawn.append(ReportFigure(title, say("report.evaluation.roc-caption", language), svg))
    points = evaluation.figures.get("calibration") or {}
    if points.get("predicted"):
        title = say("report.evaluation.calibration-figure", language)
        caption = say("report.evaluation.calibration-caption", language)
        if points.get("of") is not None:
            caption = say("report.evaluation.calibration-of", language, label=points["of"]) + " " + caption
        svg = to_svg(_figure(calibration(evaluation, language=language)), title, "calibration")
        drawn.append(ReportFigure(title, caption, svg))
    return drawn


def _figures_of_numbers(evaluation: Evaluation, language: str) -> list[ReportFigure]:
    drawn = []
    several = len(evaluation.targets) > 1
    for place, target in enumerate(evaluation.targets[:MOST_TARGETS]):
        for name, draw, points in (
            ("predicted", predicted_actual, "actual"),
            ("residuals", residuals, "residuals"),
        ):
            if len(evaluation.figures.get(points) or ()) <= place:
                continue
            key = f"report.evaluation.{name}-figure{'-of' if several else ''}"
            title = say(key, language, target=target)
            shown = min(len(evaluation.figures["actual"][place]), MOST_POINTS)
            caption = say(f"report.evaluation.{name}-caption", language, count=thousands(shown, language))
            svg = to_svg(_figure(draw(evaluation, place, language=language)), title, f"{name}-{place}")
            drawn.append(ReportFigure(title, caption, svg))
    return drawn


def _described(history: History, findings: Sequence[Finding], language: str) -> str:
    ends = {}
    for name in ("train", "valid"):
        values = history.get(f"{name}_loss")
        known = [] if values is None else [value for value in values.tolist() if math.isfinite(value)]
        ends[f"{name}_first"] = number(known[0] if known else None, language)
        ends[f"{name}_last"] = number(known[-1] if known else None, language)
    best = ""
    if history.best_epoch is not None:
        best = say("report.training.figure-best", language, epoch=f"{history.best_epoch:g}")
    marks = " ".join(
        say(
            "report.training.figure-mark", language, title=finding.title(language), epoch=f"{finding.epoch:g}"
        )
        for finding in findings
        if finding.epoch is not None
    )
    words = {"epochs": thousands(len(history), language), "best": best, "marks": marks}
    return say("report.training.figure-label", language, **ends, **words).strip()


def _figure(axes: object) -> Figure:
    figure = getattr(axes, "figure", None)
    assert isinstance(figure, Figure)
    return figure
