"""The parts of a Run to one HTML page that needs nothing beside itself."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import goodfit
from goodfit.messages import LANGUAGES, say
from goodfit.report import formats, sections
from goodfit.report.data_section import data
from goodfit.report.explanation_section import explanation
from goodfit.report.parts import ReportParts
from goodfit.report.verdict import changes, verdict

__all__ = ["clean", "render_report", "template"]

BEFORE_PERCENT = re.compile(r"(?<=\d) (?=%)")
NO_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


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
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}; it must be one of {', '.join(LANGUAGES)}")
    told = {
        "verdict": verdict(parts, language),
        "data": data(parts, language),
        "training": sections.training(parts, language),
        "diagnosis": sections.diagnosis(parts, language),
        "evaluation": sections.evaluation(parts, language),
        "repeats": sections.repeats(parts, language),
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


def clean(page: str) -> str:
    """Return a page without the characters that no page may hold."""
    return NO_CHARACTERS.sub("\ufffd", page.strip()) + "\n"


def _capital(text: str) -> str:
    """Return a heading with a capital letter."""
    return text[:1].upper() + text[1:]


def _unbroken(value: Any) -> Any:
    """Keep a number and its per cent sign on one line."""
    return BEFORE_PERCENT.sub(formats.NO_BREAK, value) if type(value) is str else value


@cache
def template(name: str) -> Any:
    """Return a template of this folder."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("goodfit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"changes": changes, "sentence": formats.sentence, "sentence_case": _capital}
    return environment.get_template(name)
