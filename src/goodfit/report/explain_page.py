"""An Explanation of single rows as an HTML page of its own."""

from __future__ import annotations

from typing import Any

import goodfit
from goodfit.explanation.rows import Explanation, RowExplanation, value_text
from goodfit.messages import say
from goodfit.report.templates import clean, template

__all__ = ["render_explanation"]


def render_explanation(explanation: Explanation, language: str = "en") -> str:
    """Return the explanation as one self-contained HTML page: no script, nothing to load.

    Raises
    ------
    ValueError
        There is no such language.
    """
    page = template("explain.html.j2").render(
        language=language,
        version=goodfit.__version__,
        name=explanation.name,
        rows=[_row(row, explanation, language) for row in explanation.rows],
        typical=[(name, value_text(value, language)) for name, value in explanation.typical.items()],
        method=say("explanation.row.method", language),
        told=lambda code, **values: say(f"explanation.page.{code}", language, **values),
        say=lambda code, **values: say(f"report.{code}", language, **values),
    )
    return clean(page)


def _row(row: RowExplanation, explanation: Explanation, language: str) -> dict[str, Any]:
    largest = max((abs(item.effect) for item in row.attributions), default=0.0) or 1.0
    return {
        "number": row.row,
        "lead": explanation.lead(row).text(language),
        "notes": [note.text(language) for note in explanation.row_notes(row)],
        "columns": [
            (
                item.column,
                value_text(item.value, language),
                explanation.effect(item).text(language),
                "up" if item.effect > 0 else "down",
                abs(item.effect) / largest,
            )
            for item in row.foremost
        ],
    }
