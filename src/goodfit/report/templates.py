"""The templates of this folder, and what every page of them has in common."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from goodfit.report import formats
from goodfit.report.verdict import changes

__all__ = ["clean", "template"]

BEFORE_PERCENT = re.compile(r"(?<=\d) (?=%)")
NO_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


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
