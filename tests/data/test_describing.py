from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from profiles_for_tests import profile_of

from goodfit.data.describing import describe
from goodfit.data.fitting import fit_preparation
from goodfit.data.preparation import Preparation
from goodfit.data.scaling import SCALINGS
from goodfit.messages import LANGUAGES, catalogue


def prepared() -> Preparation:
    random = np.random.default_rng(0)
    rows = 300
    gaps = random.random(rows) < 0.1
    frame = pl.DataFrame(
        {
            "size": pl.Series(np.where(gaps, np.nan, random.normal(50, 3, rows))),
            "price": np.exp(random.normal(3, 1, rows)),
            "change": random.standard_t(1.2, rows),
            "unit": np.ones(rows),
            "paid": pl.Series([None if gap else True for gap in gaps]),
            "day": pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 10, 26), eager=True),
            "city": pl.Series([None if gap else "Lima" for gap in gaps[:-1]] + ["Quito"]),
            "zip": pl.Series([None, *["1", "2"] * 149, "3"]),
            "y": random.normal(size=rows),
        }
    )
    profile = profile_of(
        {
            **dict.fromkeys(("size", "price", "change", "unit"), "number"),
            "paid": "boolean",
            "day": "datetime",
            **dict.fromkeys(("city", "zip"), "category"),
        }
    )
    return fit_preparation(frame, profile, np.arange(rows))


def test_each_column_is_described_truly_and_in_order() -> None:
    preparation = prepared()
    notes = describe(preparation)
    said = {
        column: [note.message.code.removeprefix("prepare.") for note in notes if note.column == column]
        for column in (note.column for note in notes)
    }
    assert said == {
        "size": ["number-standard", "missing-number", "indicator"],
        "price": ["number-log"],
        "change": ["number-quantile"],
        "unit": ["number-constant"],
        "paid": ["boolean", "missing-boolean", "indicator"],
        "day": ["datetime", "cycle-month", "cycle-day", "cycle-weekday"],
        "city": ["category", "rare", "missing-level"],
        "zip": ["category", "rare", "missing-rare"],
        "y": ["target-standard"],
    }
    assert notes[0].message.values["center"] == pytest.approx(50, abs=1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_said(language: str) -> None:
    for note in describe(prepared()):
        assert note.message.text(language)
    for scaling in SCALINGS:
        assert f"prepare.number-{scaling}" in catalogue(language)
