"""A Tuning as one HTML page that needs nothing beside itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import goodfit
from goodfit.improvement.figures import best_so_far, parallel_coordinates, slices
from goodfit.improvement.story import conclusion, decided, finalist_rows, searched, tried
from goodfit.messages import percentage, say
from goodfit.report.figures import ReportFigure
from goodfit.report.page import figure_of
from goodfit.report.parts import ReportParts
from goodfit.report.sections import evaluation
from goodfit.report.templates import clean, template

if TYPE_CHECKING:
    from goodfit.improvement.tuning import Tuning

__all__ = ["render_tuning"]


def render_tuning(tuning: Tuning, language: str = "en") -> str:
    """Return the report as one self-contained HTML page: no script, nothing to load.

    Raises
    ------
    ValueError
        There is no such language.
    """
    count, *states = tried(tuning, language)
    sampler = say(f"tuning.sampler.{tuning.sampler}", language)
    test = evaluation(ReportParts(name=tuning.name, evaluation=tuning.run.evaluation), language)
    page = template("tuning.html.j2").render(
        language=language,
        version=goodfit.__version__,
        name=tuning.name,
        tried=count,
        states=states,
        searched_by=say("tuning.searched", language, sampler=sampler),
        searched=searched(tuning, language),
        notes=[note.text(language) for note in tuning.notes],
        figures=_figures(tuning, language),
        importance=[
            (name, percentage(share, language), "", share) for name, share in tuning.importance.items()
        ],
        finals=finalist_rows(tuning, language) if tuning.finalists else [],
        seeds=len(tuning.finalists[0].values) if tuning.finalists else 0,
        conclusion=conclusion(tuning, language),
        recipe=decided(tuning),
        toml=tuning.recipe.to_toml(),
        command=tuning.command,
        evaluation=test,
        scores=[] if test is None else [_score(row) for row in test["scores"]],
        folder=tuning.folder,
        told=lambda code, **values: say(f"tuning.{code}", language, **values),
        say=lambda code, **values: say(f"report.{code}", language, **values),
    )
    return clean(page)


def _score(row: dict[str, Any]) -> list[str]:
    return [row["name"], *(f"{value} ({bounds})" if bounds else value for value, bounds in row["cells"])]


def _figures(tuning: Tuning, language: str) -> dict[str, ReportFigure]:
    drawn: dict[str, Axes | Figure] = {
        "best-so-far": best_so_far(tuning, language=language),
        "parallel": parallel_coordinates(tuning),
        "slices": slices(tuning),
    }
    found = {}
    for name, figure in drawn.items():
        title = say(f"tuning.figure.{name}", language)
        values = {} if name == "best-so-far" else {"monitor": tuning.monitor}
        caption = say(f"tuning.figure.{name}-caption", language, **values)
        found[name] = figure_of(figure, title, caption, name)
    return found
