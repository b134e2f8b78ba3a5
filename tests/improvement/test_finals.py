from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from goodfit.improvement.finals import _in_turns, _with_common_seeds


@pytest.mark.parametrize(
    ("whole", "places", "common"),
    [
        ({0: [0, 1, 2], 1: [1, 2]}, [0, 1], {1, 2}),
        ({0: [0, 1], 1: [2, 3], 2: [0, 1, 2, 3]}, [0, 2], {0, 1}),
        ({0: [0], 1: [0, 1], 2: [0, 1]}, [1, 2], {0, 1}),
        ({0: [0], 1: [1]}, [], set()),
        ({}, [], set()),
    ],
)
def test_contestants_are_compared_by_the_seeds_that_all_of_them_have(
    whole: dict[int, list[int]], places: list[int], common: set[int]
) -> None:
    members: Any = {place: [SimpleNamespace(place=seed) for seed in seeds] for place, seeds in whole.items()}
    assert _with_common_seeds(members) == (places, common)


def test_contestants_take_turns() -> None:
    assert list(_in_turns([iter("abc"), iter(""), iter("d"), iter("ef")])) == ["a", "d", "e", "b", "f", "c"]
