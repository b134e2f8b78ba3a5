from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.data.preparation import (
    BooleanColumn,
    CategoryColumn,
    ClassTarget,
    DatetimeColumn,
    Inputs,
    NumberColumn,
    NumberTarget,
    Preparation,
    TargetColumn,
)
from goodfit.errors import InputError

AGE = NumberColumn("age", "standard", {"center": 0.1, "scale": 1 / 3, "limit": 5.0}, 1e-300, 3, True)
SINCE = NumberColumn("since", "constant", {"limit": 5.0}, 0.0, 0, False)
PREPARATION = Preparation(
    (
        AGE,
        CategoryColumn("city", ("São Paulo", None, "null", ""), ("Лима",), 2, 4),
        BooleanColumn("member", 0, False),
        DatetimeColumn("since", SINCE, ("month", "hour"), 0, False),
    ),
    ClassTarget("y", (False, True)),
    90,
)


def test_json_brings_back_the_same() -> None:
    assert Preparation.from_json(PREPARATION.to_json()) == PREPARATION
    assert json.loads(PREPARATION.to_json())["format"] == 1


def test_names_and_levels() -> None:
    assert PREPARATION.number_names == (
        "age",
        "age.missing",
        "member",
        "since",
        "since.month.sin",
        "since.month.cos",
        "since.hour.sin",
        "since.hour.cos",
    )
    assert (PREPARATION.category_names, PREPARATION.levels) == (("city",), (5,))
    assert len(Inputs(np.zeros((7, 0), np.float32), np.zeros((7, 1), np.int32))) == 7


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.none(), unique=True),
)
def test_json_is_exact(center: float, scale: float, levels: list[str | None]) -> None:
    preparation = Preparation(
        (
            NumberColumn("x", "robust", {"center": center, "scale": scale, "limit": 3.0}, center, 0, False),
            CategoryColumn("c", tuple(levels), (), 2, 0),
        ),
        NumberTarget((TargetColumn("y", "log", center, scale, scale),)),
        10,
    )
    assert Preparation.from_json(preparation.to_json()) == preparation


@pytest.mark.parametrize("classes", [("a", "b"), (0, 1), (0.0, 1.0), (False, True), (1, 2.5)])
def test_classes_keep_their_types(classes: tuple[Any, ...]) -> None:
    target = ClassTarget("y", classes)
    read = Preparation.from_json(Preparation((), target, 1).to_json()).target
    assert isinstance(read, ClassTarget)
    assert [type(label) for label in read.classes] == [type(label) for label in classes]


def damage(**changes: Any) -> str:
    data = json.loads(PREPARATION.to_json())
    data["columns"][0].update(changes)
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"format": 1}',
        '{"format": "1"}',
        PREPARATION.to_json()[:-40],
        b"\xff\xfe\x00",
        "[" * 100_000,
        damage(scaling="eval"),
        damage(kind="pickle"),
        damage(parameters={"center": 0.0, "scale": 0.0, "limit": 5.0}),
        damage(parameters={"center": 0.0, "scale": -1.0, "limit": 5.0}),
        damage(parameters={"center": float("nan"), "scale": 1.0, "limit": 5.0}),
        damage(parameters={"center": 0.0}),
        damage(fill=float("inf")),
        damage(fill="many"),
        damage(name=None),
    ],
)
def test_damaged_files_are_refused(text: str | bytes) -> None:
    with pytest.raises(InputError, match=r"runs/a/preparation\.json"):
        Preparation.from_json(text, "runs/a/preparation.json")


def test_a_later_format_asks_for_an_update() -> None:
    text = PREPARATION.to_json().replace('"format": 1', '"format": 2')
    with pytest.raises(InputError, match=r"format 2.*update goodfit"):
        Preparation.from_json(text)
