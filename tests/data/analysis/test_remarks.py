from __future__ import annotations

import numpy as np

import goodfit
from goodfit.messages import LANGUAGES

RANDOM = np.random.default_rng(0)


def said(data: dict, language: str = "en") -> str:
    found = goodfit.profile({**data, "y": RANDOM.normal(size=len(next(iter(data.values()))))}, "y")
    return "\n".join([message.text(language) for message in (*found.remarks, *found.notes)])


def test_a_key_that_repeats_may_be_a_group():
    for language in LANGUAGES:
        found = said({"horse_id": [f"h{n % 60}" for n in range(100)], "x": range(100)}, language)
        assert "40" in found
        assert "--group-column 'horse_id'" in found
    assert "--group-column" not in said({"horse_id": [f"h{n}" for n in range(100)], "x": range(100)})


def test_what_could_be_understood_otherwise_is_said_with_the_override():
    size = ["38", "39", "40", "41", "42", "43", "M", "L"]
    found = said(
        {
            "shoe": [size[n % 8] for n in range(200)],
            "price": [f"{n % 9 + 1},{n % 7}00" for n in range(200)],
            "day": [f"{n % 12 + 1:02d}/{n % 11 + 1:02d}/2024" for n in range(200)],
        }
    )
    assert "say shoe=number" in found
    assert "--decimal ','" in found
    assert "day=datetime:%d/%m/%Y" in found


def test_words_for_missing_and_numbers_that_may_be_codes_are_pointed_out():
    found = said({"job": ["cook", "unknown", "pilot", "nurse"] * 30, "ward": [1, 2, 3, 7] * 30})
    assert "job: 'unknown' in 30 rows (25.0%)" in found
    assert "say ward=category" in found


def test_numbers_that_agree_only_in_their_usual_value_do_not_say_the_same():
    calls = np.where(RANDOM.random(1000) < 0.1, RANDOM.integers(1, 50, 1000), 0)
    days = np.where(calls > 0, RANDOM.integers(1, 300, 1000), -1)
    assert "say nearly the same" not in said({"calls": calls.tolist(), "days": days.tolist()})
    assert "say nearly the same" in said({"calls": calls.tolist(), "twice": (2 * calls).tolist()})
    flag = (calls > 0).tolist()
    assert "say nearly the same" in said({"called": flag, "number": [int(value) for value in flag]})
