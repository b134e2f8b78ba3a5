"""A page of headings, sentences, figures and tables that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import goodfit
from goodfit.messages import say
from goodfit.plots.svg import to_svg
from goodfit.report.figures import ReportFigure
from goodfit.report.templates import clean, template

__all__ = ["Block", "figure_of", "render_page"]


@dataclass(frozen=True)
class Block:
    """A part of the page.

    Parameters
    ----------
    heading
        What it is about.
    sentences
        A paragraph each.
    figure
        Drawn below them.
    rows
        A table, the names of its columns first.
    """

    heading: str
    sentences: Sequence[str] = ()
    figure: ReportFigure | None = None
    rows: Sequence[Sequence[str]] = ()


def render_page(kicker: str, title: str, blocks: Sequence[Block], language: str = "en") -> str:
    """Return the page as HTML: no script, nothing to load.

    Parameters
    ----------
    kicker, title
        What kind of page it is, and of what.
    """
    page = template("page.html.j2").render(
        language=language,
        version=goodfit.__version__,
        kicker=kicker,
        title=title,
        blocks=blocks,
        say=lambda code, **values: say(f"report.{code}", language, **values),
    )
    return clean(page)


def figure_of(drawn: Axes | Figure, title: str, caption: str, name: str) -> ReportFigure:
    """Return what was drawn as a figure of the page; ``name`` is its own on the page."""
    figure = drawn.get_figure(root=True)
    assert isinstance(figure, Figure)
    return ReportFigure(title, caption, to_svg(figure, title, name))
