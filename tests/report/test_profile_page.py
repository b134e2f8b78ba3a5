from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from html_for_tests import Page, check

import goodfit
from goodfit.report.profile_page import analysis_sections, render_profile

EVIL = "<script>alert(1)</script>&\"'"


def analysis(target: str | None = "label") -> goodfit.TableAnalysis:
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            EVIL: random.choice([EVIL, "b"], 200),
            "x": np.where(random.random(200) < 0.1, np.nan, random.normal(size=200)),
            "day": pl.Series(range(18_000, 18_200)).cast(pl.Date),
            "label": random.choice([f"<b>{EVIL}", "no"], 200),
        }
    )
    return goodfit.profile(frame, target, against=frame.with_columns(pl.col("x") + 3), name="a & b.csv")


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("target", ["label", "x", None])
def test_the_page_is_complete_and_nothing_of_the_data_becomes_markup(language, target):
    page = check(render_profile(analysis(target), language))
    assert "alert(1)" in page.words
    assert [tag for tag, _ in page.tags].count("path") >= 1


def test_the_sections_stand_in_another_page():
    page = Page(analysis_sections(analysis()))
    assert page.ids.count("profile-columns") == 1
    assert "profile-drift" in page.ids
    assert "x differs by" in page.words


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="'fr'"):
        render_profile(analysis(), "fr")
