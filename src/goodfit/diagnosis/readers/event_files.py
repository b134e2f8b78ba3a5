"""TensorBoard's event files, read without TensorBoard: records with checksums that hold protobuf messages.

The layout of a record is in TensorFlow's ``record_writer.h``, the messages' in ``event.proto``,
``summary.proto`` and ``tensor.proto``; only scalars are taken out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Point", "read_events"]

Point = tuple[float, int, str, float]
"""Wall time in seconds, step, tag, value."""

HEAD, FOOT = 12, 4
MASK = 0xA282EAD8
VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
# TensorProto: which field holds the values of a type, and how they are packed.
FORMATS = {1: (5, "f"), 2: (6, "d"), 3: (7, ""), 9: (10, "")}
CONTENT = {1: "f", 2: "d", 3: "i", 9: "q"}


def read_events(data: bytes) -> tuple[list[Point], bool]:
    """Return the scalars of an event file, and whether it is whole.

    A damaged or cut-off file is read up to the damage: the first record whose checksum is wrong.
    """
    starts, lengths, whole = _records(data)
    good = _unharmed(data, starts, lengths)
    points: list[Point] = []
    for start, length in zip(starts[:good].tolist(), lengths[:good].tolist(), strict=True):
        try:
            points += _scalars(data[start : start + length])
        except (ValueError, IndexError, struct.error, UnicodeDecodeError):
            return points, False
    return points, whole and good == len(starts)


def _records(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Return where each record's content starts, how long it is, and whether the last one is whole."""
    starts, lengths, at, size = [], [], 0, len(data)
    unpack = struct.Struct("<Q").unpack_from
    while at + HEAD + FOOT <= size:
        (length,) = unpack(data, at)
        if length > size - at - HEAD - FOOT:
            break
        starts.append(at + HEAD)
        lengths.append(length)
        at += HEAD + length + FOOT
    return np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64), at == size


def _unharmed(data: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """Return how many records come before the first whose checksums are wrong."""
    if not len(starts):
        return 0
    octets = np.frombuffer(data, dtype=np.uint8)
    fine = _checked(octets, starts - HEAD, 8)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        fine[rows] &= _checked(octets, starts[rows], int(length))
    wrong = np.flatnonzero(~fine)
    return int(wrong[0]) if len(wrong) else len(starts)


def _checked(octets: NDArray[np.uint8], starts: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
    """Say for each piece of ``length`` bytes whether its masked CRC-32C follows it."""
    table = _table()
    state = np.full(len(starts), 0xFFFFFFFF, dtype=np.uint32)
    for place in range(length):
        state = table[(state ^ octets[starts + place]) & 0xFF] ^ (state >> 8)
    found = state ^ np.uint32(0xFFFFFFFF)
    masked = ((found >> 15) | (found << 17)) + np.uint32(MASK)
    stored = np.zeros(len(starts), dtype=np.uint32)
    for place in range(FOOT):
        stored |= octets[starts + length + place].astype(np.uint32) << (8 * place)
    return np.asarray(masked == stored)


@cache
def _table() -> NDArray[np.uint32]:
    """Return the table of CRC-32C (Castagnoli's polynomial, bits reversed)."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1).astype(np.uint32)
    return table


def _scalars(message: bytes) -> Iterator[Point]:
    """Yield the scalars of one Event."""
    when, step, summaries = 0.0, 0, []
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            (when,) = struct.unpack("<d", value)
        elif field == 2 and isinstance(value, int):
            step = value - 2**64 if value >= 2**63 else value
        elif field == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for field, value in _fields(summary):
            if field == 1 and isinstance(value, bytes):
                tag, number = _value(value)
                if number is not None:
                    yield when, step, tag, number


def _value(message: bytes) -> tuple[str, float | None]:
    tag, number = "", None
    for field, value in _fields(message):
        if not isinstance(value, bytes):
            continue
        if field == 1:
            tag = value.decode()
        elif field == 2:
            (number,) = struct.unpack("<f", value)
        elif field == 8:
            number = _tensor(value)
    return tag, number


def _tensor(message: bytes) -> float | None:
    """Return the number of a TensorProto that holds a single one."""
    kind = 0
    held: dict[int, int | bytes] = {}
    for field, value in _fields(message):
        if field == 1 and isinstance(value, int):
            kind = value
        else:
            held[field] = value
    if kind not in FORMATS:
        return None
    field, packed = FORMATS[kind]
    content = held.get(4) or held.get(field)
    if isinstance(content, int):
        return float(content)
    if not content:
        return 0.0 if 4 not in held and field not in held else None
    if held.get(4):
        packed = CONTENT[kind]
    if not packed:
        return float(_varint(content, 0)[0])
    return float(struct.unpack(f"<{packed}", content)[0]) if len(content) == struct.calcsize(packed) else None


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the content of each field of a protobuf message."""
    at, size = 0, len(message)
    while at < size:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == BYTES:
            length, at = _varint(message, at)
        elif kind in (DOUBLE, FLOAT):
            length = 8 if kind == DOUBLE else 4
        else:
            raise ValueError(f"unknown wire type {kind}")
        if at + length > size:
            raise ValueError("a field is cut off")
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
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
