"""A Comparison as an HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goodfit.messages import say

if TYPE_CHECKING:
    from goodfit.comparison import Comparison

__all__ = ["comparison_page"]


def comparison_page(comparison: Comparison, language: str = "en") -> str:
    """Return the comparison as one self-contained page."""
    from goodfit.report.page import Block, figure_of, render_page

    unseen = say(f"comparison.unseen.{comparison.unseen}", language)
    scores = say("comparison.heading.scores", language, count=comparison.rows, unseen=unseen)
    differences = say("comparison.heading.differences", language, first=comparison.names[0])
    curves = None
    if comparison.curve is not None:
        title = say("comparison.figure.title", language)
        caption = say("comparison.figure.caption", language)
        curves = figure_of(comparison.plot(language=language), title, caption, "curves")
    recipes = comparison.recipe_table(language) if comparison.recipes else ()
    same = [] if comparison.recipes else [say("comparison.same-recipe", language)]
    blocks = [
        Block(say("comparison.heading.verdict", language), comparison.sentences(language)),
        Block(scores, rows=comparison.score_table(language)),
        Block(
            differences, [say("comparison.explained", language)], rows=comparison.difference_table(language)
        ),
        *([] if curves is None else [Block(say("comparison.heading.curves", language), figure=curves)]),
        Block(say("comparison.heading.recipes", language), same, rows=recipes),
    ]
    kicker = say("comparison.heading.page", language)
    return render_page(kicker, ", ".join(comparison.names), blocks, language)
