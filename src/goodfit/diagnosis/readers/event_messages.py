"""Where the scalars lie in the messages of TensorBoard's event files.

The messages are in TensorFlow's ``event.proto``, ``summary.proto`` and ``tensor.proto``; protobuf's wire
format is at protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["DAMAGES", "Place", "number_at", "places_of", "step_at", "tag_at", "time_at"]

VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
# TensorProto: which field holds the values of a type, how they are packed, and how its content is.
TYPES = {1: (5, "f", "f"), 2: (6, "d", "d"), 3: (7, "varint", "i"), 9: (10, "varint", "q")}
SIZES = {"f": 4, "d": 8, "i": 4, "q": 8}

DAMAGES = (ValueError, IndexError, struct.error, UnicodeDecodeError)
"""What reading a damaged message raises."""


class Place(NamedTuple):
    """Where one scalar lies in a message: places of bytes, each from the first to behind the last.

    Parameters
    ----------
    time, step
        Those of the message; empty where it has none.
    tag, number
        The scalar's name and value.
    form
        How the value is written: ``f, d, i, q`` as `struct` has it, ``varint``, or ``zero`` (not at all).
    """

    time: tuple[int, int]
    step: tuple[int, int]
    tag: tuple[int, int]
    number: tuple[int, int]
    form: str


def places_of(message: bytes) -> list[Place]:
    """Return where the scalars of an Event lie.

    Raises
    ------
    ValueError, IndexError
        It is damaged.
    """
    time = step = (0, 0)
    summaries = []
    for field, kind, first, last in _fields(message, 0, len(message)):
        if field == 1 and kind == DOUBLE:
            time = first, last
        elif field == 2 and kind == VARINT:
            step = first, last
        elif field == 5 and kind == BYTES:
            summaries.append((first, last))
    found = []
    for summary in summaries:
        for field, kind, first, last in _fields(message, *summary):
            value = _value(message, first, last) if field == 1 and kind == BYTES else None
            if value is not None:
                found.append(Place(time, step, *value))
    return found


def time_at(message: bytes, place: Place) -> float:
    """Return the wall time, 0 where there is none."""
    return float(struct.unpack("<d", message[slice(*place.time)])[0]) if any(place.time) else 0.0


def step_at(message: bytes, place: Place) -> int:
    """Return the step, 0 where there is none."""
    return _signed(_varint(message, place.step[0])[0]) if any(place.step) else 0


def tag_at(message: bytes, place: Place) -> str:
    """Return the scalar's name."""
    return message[slice(*place.tag)].decode()


def number_at(message: bytes, place: Place) -> float:
    """Return the scalar's value."""
    if place.form == "zero":
        return 0.0
    if place.form == "varint":
        return float(_varint(message, place.number[0])[0])
    return float(struct.unpack(f"<{place.form}", message[slice(*place.number)])[0])


def _value(message: bytes, at: int, end: int) -> tuple[tuple[int, int], tuple[int, int], str] | None:
    """Return where tag and number of a Summary.Value are, None where it is no scalar."""
    tag = (at, at)
    number: tuple[tuple[int, int], str] | None = None
    for field, kind, first, last in _fields(message, at, end):
        if field == 1 and kind == BYTES:
            tag = first, last
        elif field == 2 and kind == FLOAT:
            number = (first, last), "f"
        elif field == 8 and kind == BYTES:
            number = _tensor(message, first, last)
    return None if number is None else (tag, *number)


def _tensor(message: bytes, at: int, end: int) -> tuple[tuple[int, int], str] | None:
    """Return where the number of a TensorProto is, None unless it holds a single one of a known type."""
    type_of = 0
    held: dict[int, tuple[int, int, int]] = {}
    for field, kind, first, last in _fields(message, at, end):
        if field == 1 and kind == VARINT:
            type_of = _varint(message, first)[0]
        else:
            held[field] = kind, first, last
    if type_of not in TYPES:
        return None
    field, packed, content = TYPES[type_of]
    for known, form in ((4, content), (field, packed)):
        kind, first, last = held.get(known, (BYTES, 0, 0))
        if first == last:
            continue
        if form == "varint" or kind == VARINT:
            return (first, last), "varint"
        return ((first, last), form) if last - first == SIZES[form] else None
    return None if 4 in held or field in held else ((at, at), "zero")


def _fields(message: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type and place of each field of the message from ``at`` to ``end``."""
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            last = _varint(message, at)[1]
        elif kind == BYTES:
            length, at = _varint(message, at)
            last = at + length
        elif kind in (DOUBLE, FLOAT):
            last = at + (8 if kind == DOUBLE else 4)
        else:
            raise ValueError(f"unknown wire type {kind}")
        if last > end:
            raise ValueError("a field is cut off")
        yield key >> 3, kind, at, last
        at = last


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, and where it ends."""
    value = shift = 0
    while True:
        octet = message[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number
