from __future__ import annotations

import math

import pytest

from goodfit.choice import Number, Switch, check_options, choose
from goodfit.errors import InputError


@pytest.mark.parametrize(
    ("kind", "good", "bad", "english", "spanish"),
    [
        (Number(1.0), [-5, 0.5], [math.nan, math.inf, "1", True, None, [1]], "a number", "un número"),
        (Number(1.0, low=0), [0, 7], [-0.1], "a number of at least 0", "un número de al menos 0"),
        (Number(1.0, low=0, open_low=True), [0.1], [0, -1], "a number above 0", "un número mayor que 0"),
        (Number(1.0, 0, 1), [0, 1], [1.01, -0.01], "a number between 0 and 1", "un número entre 0 y 1"),
        (
            Number(1.0, 0, 1, open_high=True),
            [0, 0.9],
            [1],
            "a number between 0 and 1",
            "un número entre 0 y 1",
        ),
        (
            Number(1, low=1, whole=True),
            [1, 2.0],
            [1.5, 0],
            "a whole number of at least 1",
            "un número entero",
        ),
    ],
)
def test_numbers_are_held_to_their_bounds(kind, good, bad, english, spanish):
    for value in good:
        assert check_options({"x": value}, {"x": kind}, "it") == {"x": value}
    for value in bad:
        if value is None:
            assert check_options({"x": None}, {"x": kind}, "it") == {"x": kind.default}
            continue
        with pytest.raises(InputError) as error:
            check_options({"x": value}, {"x": kind}, "it")
        assert english in error.value.text()
        assert spanish in error.value.text("es")


def test_switches_take_only_their_values():
    allowed = {"on": Switch(True), "mode": Switch("a", ("a", "b"))}
    assert check_options({"on": False, "mode": "b"}, allowed, "it") == {"on": False, "mode": "b"}
    with pytest.raises(InputError, match="true, false"):
        check_options({"on": 1}, allowed, "it")
    with pytest.raises(InputError, match="one of a, b"):
        check_options({"mode": "c"}, allowed, "it")


def test_unknown_options_and_names_say_what_there_is():
    with pytest.raises(InputError, match="its options are a, b"):
        check_options({"c": 1}, {"b": Number(1), "a": Number(1)}, "it")
    with pytest.raises(InputError, match="takes no options"):
        check_options({"c": 1}, {}, "it")
    assert choose({"relu": 1}, "relu", "model.activation") == 1
    with pytest.raises(InputError, match="did you mean 'relu'"):
        choose({"relu": 1}, "rel", "model.activation")
