"""Choosing from a table by name, and checking the options that go with the choice."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from goodfit.errors import InputError
from goodfit.messages import Message

__all__ = ["Number", "Switch", "check_options", "choose", "unknown_name", "unknown_option"]

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Number:
    """An option that is a number between bounds.

    Parameters
    ----------
    default
        What it is when not given; None for "not used".
    low, high
        Bounds, themselves allowed unless ``open_low`` or ``open_high``.
    whole
        Only whole numbers.
    """

    default: float | None
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False

    def check(self, value: Any, owner: str, option: str) -> Any:
        """Return ``value``, or raise an InputError that says what it should be."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        low_enough = number and (value < self.high or (value == self.high and not self.open_high))
        high_enough = number and (value > self.low or (value == self.low and not self.open_low))
        if low_enough and high_enough and (not self.whole or float(value).is_integer()):
            return int(value) if self.whole else float(value)
        raise InputError(
            "option.out-of-range", owner=owner, option=option, value=repr(value), wanted=self.wanted()
        )

    def wanted(self) -> Message:
        """Return the allowed range in words."""
        kind = "whole" if self.whole else "number"
        if math.isfinite(self.low) and math.isfinite(self.high):
            code = f"{kind}-between"
        elif math.isfinite(self.low):
            code = f"{kind}-above" if self.open_low else f"{kind}-from"
        else:
            code = kind
        return Message(f"errors.option.{code}", {"low": f"{self.low:g}", "high": f"{self.high:g}"})


@dataclass(frozen=True)
class Switch:
    """An option that is one of a few values, such as true or false."""

    default: Any
    values: tuple[Any, ...] = (True, False)

    def check(self, value: Any, owner: str, option: str) -> Any:
        """Return ``value``, or raise an InputError that names the values there are."""
        if any(value is item or (isinstance(item, str) and value == item) for item in self.values):
            return value
        wanted = [str(item).lower() if isinstance(item, bool) else str(item) for item in self.values]
        raise InputError("option.not-one-of", owner=owner, option=option, value=repr(value), values=wanted)


def choose(table: Mapping[str, Entry], name: str, room: str) -> Entry:
    """Return the entry ``name`` of ``table``.

    Raises
    ------
    InputError
        No such name; the sentence (``<room>.unknown`` or ``<room>.unknown-near``) says which there are.
    """
    if name in table:
        return table[name]
    raise unknown_name(name, table, room)


def unknown_name(name: Any, known: Iterable[str], room: str) -> InputError:
    """Return the error for a name that is not among ``known``, with the nearest one."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name).lower(), names, n=1)
    if near:
        return InputError(f"{room}.unknown-near", name=str(name), nearest=near[0], known=names)
    return InputError(f"{room}.unknown", name=str(name), known=names)


def unknown_option(option: str, known: Iterable[str], owner: str) -> InputError:
    """Return the error for an option that ``owner`` does not have."""
    names = sorted(known)
    if names:
        return InputError("option.unknown", owner=owner, option=option, known=names)
    return InputError("option.none", owner=owner, option=option)


def check_options(
    given: Mapping[str, Any], allowed: Mapping[str, Number | Switch], owner: str
) -> dict[str, Any]:
    """Return every allowed option with its value, given or default.

    Raises
    ------
    InputError
        An option that ``owner`` does not have, or a value out of its range.

    Examples
    --------
    >>> check_options({"delta": 2}, {"delta": Number(1.0, low=0, open_low=True)}, "huber")
    {'delta': 2.0}
    """
    for option in given:
        if option not in allowed:
            raise unknown_option(option, allowed, owner)
    return {
        option: kind.check(given[option], owner, option) if given.get(option) is not None else kind.default
        for option, kind in allowed.items()
    }
