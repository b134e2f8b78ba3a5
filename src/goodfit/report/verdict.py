"""The verdict of a report: what was learned, how good it is, what the diagnosis says, what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from goodfit.diagnosis.diagnose import too_short
from goodfit.messages import say, thousands
from goodfit.observations import higher_is_better
from goodfit.report.formats import NO_BREAK, as_toml, number, percent
from goodfit.report.parts import ReportParts

__all__ = ["Step", "Verdict", "changes", "verdict"]

MOST_STEPS = 4
NEARLY = 0.99


@dataclass(frozen=True)
class Step:
    """Something to do next, and the recipe fields that do it."""

    words: str
    changes: str = ""


@dataclass(frozen=True)
class Verdict:
    """The verdict in words.

    Parameters
    ----------
    lead
        It in one sentence.
    tone
        ``good``, ``mixed`` or ``bad``.
    sentences
        What was learned, how good it is, what the diagnosis says.
    steps
        What to do next.
    """

    lead: str
    tone: Literal["good", "mixed", "bad"]
    sentences: tuple[str, ...]
    steps: tuple[Step, ...]


def verdict(parts: ReportParts, language: str = "en") -> Verdict:
    """Say in plain words what a run came to."""
    lead, tone = _lead(parts)
    sentences = [
        _learned(parts, language),
        *_how_good(parts, language),
        _repeated(parts, language),
        _diagnosed(parts, language),
        "" if (short := too_short(parts.untold)) is None else short.text(language),
    ]
    return Verdict(
        lead=say(f"report.lead.{lead}", language),
        tone=tone,
        sentences=tuple(sentence for sentence in sentences if sentence),
        steps=_steps(parts, lead, language),
    )


def _repeated(parts: ReportParts, language: str) -> str:
    if parts.repeats is None:
        return ""
    main = parts.repeats.monitor if parts.evaluation is None else parts.evaluation.main_metric
    return parts.repeats.how_good(main, language)


def _severities(parts: ReportParts) -> set[str]:
    return {finding.severity for finding in parts.findings}


def _compared(parts: ReportParts) -> str | None:
    return None if parts.evaluation is None else parts.evaluation.verdict


def _lead(parts: ReportParts) -> tuple[str, Literal["good", "mixed", "bad"]]:
    warned = "warning" in _severities(parts)
    if "error" in _severities(parts):
        return "unusable", "bad"
    if not _beats_prior(parts):
        return "prior", "bad"
    match _compared(parts):
        case "worse":
            return ("linear-worse" if _is_linear(parts) else "worse"), "bad"
        case "better" if _is_linear(parts):
            return "linear", "mixed" if warned else "good"
        case "no different":
            return ("linear" if _is_linear(parts) else "no-different"), "mixed"
        case "better":
            return ("better-but", "mixed") if warned else ("better", "good")
        case _:
            return ("warned", "mixed") if warned else ("healthy", "good")


def _is_linear(parts: ReportParts) -> bool:
    return parts.recipe is not None and parts.recipe.model == "linear"


def _beats_prior(parts: ReportParts) -> bool:
    """Say whether the network beats the constant prediction by some metric; true if not known."""
    measured = parts.evaluation
    if measured is None:
        return True
    prior, compared = measured.baselines.get("prior", {}), []
    for metric in (measured.main_metric, "accuracy", "roc_auc", "r2"):
        if metric in measured.metrics and metric in prior:
            gain = measured.metrics[metric].value - prior[metric].value
            compared.append(gain > 0 if higher_is_better(metric) else gain < 0)
    return any(compared) or not compared


def _learned(parts: ReportParts, language: str) -> str:
    profile, history = parts.profile, parts.history
    if profile is None or parts.source is None:
        if history is None or not len(history):
            return ""
        epochs = history.get("epoch")
        done = len(history) if epochs is None else epochs[-1]
        words = say("report.learned.unknown", language, epochs=number(float(done), language))
        row, losses = history.best_row, history.get("valid_loss")
        if row is not None and losses is not None and math.isfinite(losses[row]):
            best = {
                "loss": number(float(losses[row]), language),
                "epoch": number(float(history["epoch"][row])),
            }
            words += " " + say("report.learned.validation", language, **best)
        return words
    if profile.task == "binary":
        first, second = (_quoted(name, language) for name in profile.classes)
        classes = {"first": first, "second": second}
    else:
        classes = {"classes": thousands(len(profile.classes), language)}
    return say(
        f"report.learned.{profile.task}",
        language,
        target=[_quoted(name, language) for name in profile.targets],
        **classes,
        columns=thousands(len(profile.used), language),
        source=parts.source.name,
    )


def _how_good(parts: ReportParts, language: str) -> list[str]:
    evaluation = parts.evaluation
    if evaluation is None:
        return [say("report.good.no-test", language)]
    several = len(evaluation.targets) > 1
    wanted = ("r2",) if several and evaluation.task == "regression" else ("accuracy", "mae", "r2")
    metric = next((name for name in wanted if name in evaluation.metrics), None)
    sentences = []
    if metric is not None:
        measured, in_percent = evaluation.metrics[metric], metric in ("accuracy", "r2")
        rows = thousands(evaluation.rows, language)

        def written(value: float) -> str:
            return percent(value, language) if in_percent else number(value, language)

        if math.isfinite(measured.value):
            bounds = {"low": written(measured.low), "high": written(measured.high)}
            known = math.isfinite(measured.low) and math.isfinite(measured.high)
            within = say("report.good.interval", language, **bounds) if known else ""
            value = written(measured.value)
            sentences.append(say(f"report.good.{metric}", language, rows=rows, value=value, interval=within))
        else:
            sentences.append(say("report.good.no-value", language, rows=rows))
        prior = evaluation.baselines.get("prior", {}).get(metric)
        if prior is not None and metric != "r2" and math.isfinite(prior.value):
            sentences.append(say(f"report.good.{metric}-prior", language, prior=written(prior.value)))
    return [" ".join(sentences), evaluation.verdict_message.text(language)]


def _diagnosed(parts: ReportParts, language: str) -> str:
    serious = [finding for finding in parts.worst_first if finding.severity != "info"]
    if serious:
        found = [_quoted(finding.statement(language), language) for finding in serious]
        return say("report.said.found", language, found=found)
    if parts.findings:
        found = [_quoted(finding.statement(language), language) for finding in parts.worst_first]
        return say("report.said.info", language, found=found)
    if too_short(parts.untold) is not None:
        return ""
    return say("report.said.none" if parts.history is not None else "report.said.not-asked", language)


def _steps(parts: ReportParts, lead: str, language: str) -> tuple[Step, ...]:
    steps: dict[str, Step] = {}
    changed: set[str] = set()
    for finding in parts.worst_first:
        if finding.severity != "info":
            for remedy, words in zip(finding.remedies, finding.remedy_titles(language), strict=True):
                if changed.isdisjoint(remedy.recipe):  # of two that pull one field apart, the likelier
                    steps.setdefault(remedy.code, Step(words, changes(remedy.recipe)))
                    changed |= remedy.recipe.keys()
    listed = list(steps.values())[:MOST_STEPS]
    if lead in ("worse", "no-different"):
        listed.append(Step(say("report.next.linear", language), changes({"model": "linear"})))
    if lead in ("worse", "no-different", "linear", "linear-worse", "prior") and not _nearly_perfect(parts):
        listed.append(Step(say("report.next.more-rows", language)))
    if parts.data_curve_command and any(finding.code == "overfitting" for finding in parts.findings):
        listed.append(Step(say("report.next.data-curve", language), parts.data_curve_command))
    if parts.evaluation is None:
        listed.append(Step(say("report.next.measure", language)))
    if lead in ("better", "healthy", "linear") and (parts.predict_command or parts.predict_python):
        listed.append(Step(say("report.next.predict", language)))
    return tuple(listed)


def _nearly_perfect(parts: ReportParts) -> bool:
    measured = parts.evaluation.metrics if parts.evaluation is not None else {}
    return any(measured[name].value > NEARLY for name in ("accuracy", "r2") if name in measured)


def changes(fields: Mapping[str, Any]) -> str:
    """Return changed recipe fields as one would write them into a recipe."""
    return ", ".join(f"{name} = {as_toml(value)}".replace(" ", NO_BREAK) for name, value in fields.items())


def _quoted(name: object, language: str) -> str:
    return f"“{name}”" if language == "en" else f"«{name}»"
