"""The parts of a Run to one HTML page that needs nothing beside itself."""

from __future__ import annotations

import goodfit
from goodfit.messages import say
from goodfit.report import formats, sections
from goodfit.report.data_section import data
from goodfit.report.explanation_section import explanation
from goodfit.report.parts import ReportParts
from goodfit.report.templates import clean, template
from goodfit.report.verdict import verdict

__all__ = ["render_report"]


def render_report(parts: ReportParts, language: str = "en") -> str:
    """Return the report as one self-contained HTML page: no script, nothing to load.

    Parameters
    ----------
    parts
        What there is to tell; sections without their parts are left out.
    language
        ``en`` or ``es``.

    Raises
    ------
    ValueError
        There is no such language.
    """
    told = {
        "verdict": verdict(parts, language),
        "data": data(parts, language),
        "training": sections.training(parts, language),
        "diagnosis": sections.diagnosis(parts, language),
        "evaluation": sections.evaluation(parts, language),
        "repeats": sections.repeats(parts, language),
        "rows": None if parts.more_rows is None else parts.more_rows(language),
        "explanation": explanation(parts, language),
        "recipe": sections.recipe(parts),
        "predict": sections.prediction(parts, language),
        "environment": dict(parts.environment),
    }
    page = template("template.html.j2").render(
        language=language,
        version=goodfit.__version__,
        name=parts.name,
        created=parts.created,
        shown=[section for section, content in told.items() if content],
        **told,
        say=lambda code, **values: say(f"report.{code}", language, **values),
        percent=lambda share: formats.percent(share, language),
    )
    return clean(page)
