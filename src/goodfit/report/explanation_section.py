"""What the report says of why the network predicts as it does, as plain data for the template."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from goodfit.explanation.importance import Importance
from goodfit.messages import say
from goodfit.plots.svg import to_svg
from goodfit.report.figures import ReportFigure
from goodfit.report.parts import ReportParts

__all__ = ["explanation"]

MOST_COLUMNS = 100


def explanation(parts: ReportParts, language: str) -> dict[str, Any] | None:
    """Return the importance of the columns in words, numbers and figures; None where it is not known."""
    measured = parts.importance
    if measured is None or not measured.columns:
        return None
    heads, *rows = measured.table(language)
    title = say("report.explanation.figure", language)
    svg = _drawn(measured.plot(language=language), title, "importance")
    return {
        "lead": measured.sentence.text(language),
        "figure": ReportFigure(title, say("report.explanation.caption", language), svg),
        "notes": [note.text(language) for note in measured.notes],
        "dependences": _dependence_figures(measured, language),
        "heads": heads,
        "command": parts.explain_command,
        "rows": rows[:MOST_COLUMNS],
    }


def _dependence_figures(measured: Importance, language: str) -> list[ReportFigure]:
    drawn = []
    for place, item in enumerate(measured.dependences):
        kind = "value" if measured.accuracy is None else "probability"
        title = say(f"report.explanation.dependence-{kind}", language, column=item.name, of=item.of)
        axes = measured.plot_dependence(item.name, language=language)
        drawn.append(ReportFigure(title, "", _drawn(axes, title, f"dependence-{place}")))
    return drawn


def _drawn(axes: Axes, label: str, prefix: str) -> str:
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    return to_svg(figure, label, prefix)
