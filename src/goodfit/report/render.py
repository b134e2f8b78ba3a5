"""The parts of a Run to one HTML page that needs nothing beside itself."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import goodfit
from goodfit.messages import LANGUAGES, say
from goodfit.report import formats, sections
from goodfit.report.parts import ReportParts
from goodfit.report.verdict import changes, verdict

__all__ = ["render_report"]

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
    page = _template().render(
        language=language,
        version=goodfit.__version__,
        parts=parts,
        verdict=verdict(parts, language),
        data=sections.data(parts, language),
        training=sections.training(parts, language),
        cards=sections.cards(parts, language),
        evaluation=sections.evaluation(parts, language),
        recipe=sections.recipe(parts),
        say=lambda code, **values: say(f"report.{code}", language, **values),
        text=lambda message: message.text(language),
        number=lambda value: formats.number(value, language),
        percent=lambda value, digits=1: formats.percent(value, language, digits),
    )
    return NO_CHARACTERS.sub("\ufffd", page)


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("goodfit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["changes"] = changes
    return environment.get_template("template.html.j2")
