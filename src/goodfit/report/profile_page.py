"""A TableAnalysis as an HTML page of its own, or as sections of another page."""

from __future__ import annotations

from typing import Any

import goodfit
from goodfit.data.analysis.results import ColumnAnalysis, Histogram, TableAnalysis
from goodfit.data.analysis.text import association_words, drift_words, notes_shown, remarks_shown, values_text
from goodfit.messages import say, thousands
from goodfit.report.formats import percent, sentence
from goodfit.report.templates import clean, template

__all__ = ["analysis_sections", "render_profile"]

CLASSES_SHOWN = 20
ASSOCIATIONS_SHOWN = 20
COLUMNS_SHOWN = 1000


def render_profile(analysis: TableAnalysis, language: str = "en") -> str:
    """Return the analysis as one self-contained HTML page: no script, nothing to load.

    Raises
    ------
    ValueError
        There is no such language.
    """
    return clean(_rendered("profile.html.j2", analysis, language))


def analysis_sections(analysis: TableAnalysis, language: str = "en") -> str:
    """Return the analysis without its remarks as ``<section>`` elements for a page in the report's style."""
    return _rendered("profile_body.html.j2", analysis, language, alone=False)


def _rendered(name: str, analysis: TableAnalysis, language: str, *, alone: bool = True) -> str:
    page = template(name).render(
        language=language,
        version=goodfit.__version__,
        alone=alone,
        profile=_facts(analysis, language),
        say=lambda code, **values: say(f"report.{code}", language, **values),
        told=lambda code, **values: say(f"profile.{code}", language, **values),
    )
    return str(page)


def _facts(analysis: TableAnalysis, language: str) -> dict[str, Any]:
    """Return everything that the templates show, in words."""
    rows = max(1, analysis.rows)
    columns = len(analysis.columns) + len(analysis.targets)
    size = {"source": analysis.source, "rows": thousands(analysis.rows, language), "count": columns}
    facts: dict[str, Any] = {
        "name": analysis.source,
        "size": f"{say('profile.table', language, **size)}.",
        "remarks": remarks_shown(analysis, language),
        "columns": [_column(column, rows, language) for column in analysis.columns[:COLUMNS_SHOWN]],
        "associations": _associations(analysis),
        "association_words": [sentence(told) for told in association_words(analysis, language)],
        "complete": _complete(analysis, language),
        "patterns": _patterns(analysis, language),
        "notes": notes_shown(analysis, language),
        **_target(analysis, rows, language),
    }
    if analysis.drift is not None:
        facts["drift"] = drift_words(analysis.drift, language)
        facts["drift_heading"] = _upper(say("profile.heading.drift", language, source=analysis.drift.source))
    else:
        facts["drift"] = []
    return facts


def _target(analysis: TableAnalysis, rows: int, language: str) -> dict[str, Any]:
    if not analysis.targets or analysis.task_reason is None:
        return {"targets": []}
    names = ", ".join(column.name for column in analysis.targets)
    reason = analysis.task_reason.text(language)
    told: dict[str, Any] = {
        "target": sentence(say("profile.target", language, target=names, reason=reason)),
        "classes": [],
        "always": "",
        "targets": [],
    }
    if analysis.task == "regression":
        told["targets"] = [_column(column, rows, language) for column in analysis.targets]
        return told
    classes = analysis.targets[0].column.facts.get("levels", [])
    most = max((times for _, times in classes), default=1)
    told["classes"] = [
        (str(name), thousands(times, language), percent(times / rows, language), times / most)
        for name, times in classes[:CLASSES_SHOWN]
    ]
    share = f"{100 * most / rows:.1f}"
    told["always"] = say("profile.always", language, value=classes[0][0], percent=share)
    told["targets"] = [{"values": "", "histogram": None}]
    return told


def _column(column: ColumnAnalysis, rows: int, language: str) -> dict[str, Any]:
    missing = ""
    if column.column.missing:
        share = {
            "count": thousands(column.column.missing, language),
            "share": percent(column.column.missing / rows, language),
        }
        missing = say("report.data.missing", language, **share)
    association = ""
    if column.association is not None:
        association = f"{say('profile.column.association', language)}: {column.association:.2f}"
    return {
        "name": column.name,
        "kind": say(f"report.kind.{column.column.kind}", language),
        "used": column.column.used,
        "values": values_text(column, rows, language),
        "histogram": _histogram(column, language),
        "missing": missing,
        "reason": sentence(column.column.reason.text(language)),
        "association": association,
    }


def _histogram(column: ColumnAnalysis, language: str) -> dict[str, Any] | None:
    shape: Histogram | None = column.histogram
    if shape is None:
        return None
    top = max(shape.counts) or 1
    bars = []
    for place, rows in enumerate(shape.counts):
        height = 0.0 if not rows else max(2.0, 100 * rows / top)
        bars.append(f"M{10 * place} 100v-{height:.1f}h9v{height:.1f}z" if rows else "")
    span = say("profile.column.span", language, first=_end(shape.edges[0]), last=_end(shape.edges[-1]))
    return {"width": 10 * len(shape.counts), "path": "".join(bars), "label": f"{column.name}: {span}"}


def _associations(analysis: TableAnalysis) -> list[tuple[str, str, str, float]]:
    known = [(column.name, column.association or 0.0) for column in analysis.columns]
    known = sorted((item for item in known if item[1] > 0.005), key=lambda item: -item[1])
    return [(name, f"{value:.2f}", "", value) for name, value in known[:ASSOCIATIONS_SHOWN]]


def _complete(analysis: TableAnalysis, language: str) -> str:
    share = f"{100 * analysis.complete_rows / max(1, analysis.rows):.1f}"
    rows = thousands(analysis.complete_rows, language)
    return sentence(say("profile.complete", language, rows=rows, percent=share))


def _patterns(analysis: TableAnalysis, language: str) -> list[tuple[str, str, str, float]]:
    most = max((pattern.rows for pattern in analysis.patterns), default=1)
    return [
        (
            ", ".join(pattern.columns),
            thousands(pattern.rows, language),
            percent(pattern.rows / max(1, analysis.rows), language),
            pattern.rows / most,
        )
        for pattern in analysis.patterns
    ]


def _end(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
