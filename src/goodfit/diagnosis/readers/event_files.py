"""TensorBoard's event files, read without TensorBoard: records with checksums that hold protobuf messages.

The layout of a record is in TensorFlow's ``record_writer.h``: length, its checksum, content, its checksum.
Logs of scalars are the same few messages again and again, which differ in time, step and value alone. So one
of each layout is taken apart with care, and all others like it are read at once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodfit.diagnosis.readers.checksums import checksum, checksums
from goodfit.diagnosis.readers.event_messages import (
    DAMAGES,
    Place,
    number_at,
    places_of,
    step_at,
    tag_at,
    time_at,
)

__all__ = ["Events", "read_events"]

HEAD, FOOT = 12, 4
LONG = 4096
"""Bytes from which a record is looked at by itself: pictures and the like."""
TOGETHER = 2**17
"""Records that are looked at together."""
MOST_LAYOUTS = 64
"""Layouts among these, beyond which each record is taken apart by itself."""

Found = tuple[
    NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]
]
"""Where in the file, time, step, number of the tag, value."""


@dataclass(frozen=True, eq=False)
class Events:
    """The scalars of an event file, in its order.

    Parameters
    ----------
    time
        Wall time in seconds, shape (scalars,).
    step
        Shape (scalars,).
    tag
        Which of ``tags``, shape (scalars,).
    value
        Shape (scalars,).
    tags
        The names.
    """

    time: NDArray[np.float64]
    step: NDArray[np.int64]
    tag: NDArray[np.int64]
    value: NDArray[np.float64]
    tags: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.value)


def read_events(data: bytes) -> tuple[Events, bool]:
    """Return the scalars of an event file, and whether it is whole.

    A damaged or cut-off file is read up to the damage: the first record whose checksum is wrong.
    """
    groups, end = _records(data)
    tags: dict[str, int] = {}
    found: list[Found] = []
    damage = end
    for length, starts in groups.items():
        for piece in _pieces(data, length, starts):
            rows, first_damage = piece.read(tags)
            found += rows
            damage = min(damage, first_damage)
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)] if found else []
    if not columns:
        nothing = np.zeros(0)
        whole = nothing.astype(np.int64)
        return Events(nothing, whole, whole, nothing, ()), damage == len(data)
    order = np.argsort(columns[0], kind="stable")
    order = order[: int(np.searchsorted(columns[0][order], damage))]
    _, time, step, tag, value = (column[order] for column in columns)
    return Events(time, step, tag, value, tuple(tags)), damage == len(data)


def _records(data: bytes) -> tuple[dict[int, NDArray[np.int64]], int]:
    """Return where records begin, by the length of their content, and where the last whole one ends."""
    starts: dict[int, list[int]] = {}
    unpack = struct.Struct("<Q").unpack_from
    at, most = 0, len(data) - HEAD - FOOT
    while at <= most:
        (length,) = unpack(data, at)
        if length > most - at:
            break
        if length in starts:
            starts[length].append(at)
        else:
            starts[length] = [at]
        at += length + HEAD + FOOT
    return {length: np.array(places, dtype=np.int64) for length, places in starts.items()}, at


def _pieces(data: bytes, length: int, starts: NDArray[np.int64]) -> Iterator[_Piece]:
    together = 1 if length > LONG else TOGETHER
    for first in range(0, len(starts), together):
        yield _Piece(data, length, starts[first : first + together])


class _Piece:
    """Some records of the same length."""

    def __init__(self, data: bytes, length: int, starts: NDArray[np.int64]) -> None:
        self.data = data
        self.length = length
        self.starts = starts

    def read(self, tags: dict[str, int]) -> tuple[list[Found], int]:
        """Return their scalars, and where the first damaged record begins (behind the file: none is)."""
        damage = self._wrong_head()
        if self.length > LONG:
            return self._read_each(self.starts, tags, damage, checked=False)
        columns = self._columns()
        stored = _as_numbers(columns[self.length :], "<u4")
        wrong = checksums(columns[: self.length]) != stored if self.length else np.zeros(len(stored), bool)
        if wrong.any():
            damage = min(damage, int(self.starts[np.argmax(wrong)]))
        return self._read_alike(columns[: self.length], tags, damage)

    def _wrong_head(self) -> int:
        """Return where the first record begins whose length has another checksum than it should."""
        octets = np.frombuffer(self.data, dtype=np.uint8)
        stored = _as_numbers(np.stack([octets[self.starts + 8 + place] for place in range(4)]), "<u4")
        wrong = stored != checksum(struct.pack("<Q", self.length))
        return int(self.starts[np.argmax(wrong)]) if wrong.any() else len(self.data)

    def _columns(self) -> NDArray[np.uint8]:
        """Return the records' contents and their checksums, shape (bytes, records)."""
        width = self.length + FOOT
        count = len(self.data) - HEAD - width + 1
        windows = np.ndarray((count,), f"V{width}", self.data, offset=HEAD, strides=(1,))
        rows = windows[self.starts].view(np.uint8).reshape(len(self.starts), width)
        return np.ascontiguousarray(rows.T)

    def _read_alike(
        self, columns: NDArray[np.uint8], tags: dict[str, int], damage: int
    ) -> tuple[list[Found], int]:
        """Read records by the layouts that are among them."""
        differing = [place for place, octets in enumerate(columns) if (octets != octets[0]).any()]
        todo = self.starts < damage
        found: list[Found] = []
        for _ in range(MOST_LAYOUTS):
            if not todo.any():
                return found, damage
            first = int(np.argmax(todo))
            message = columns[:, first].tobytes()
            try:
                places = places_of(message)
                simple = len(places) == 1 and places[0].form in ("f", "d")
                names = [tag_at(message, place) for place in places]
            except DAMAGES:
                return found, min(damage, int(self.starts[first]))
            if not simple and places:
                rows, damage = self._read_each(self.starts[first : first + 1], tags, damage)
                found += rows
                todo[first] = False
                continue
            like = todo & _like(columns, first, places, differing)
            todo &= ~like
            if places:
                number = tags.setdefault(names[0], len(tags))
                found.append(_taken(columns[:, like], self.starts[like], places[0], number))
        rest, damage = self._read_each(self.starts[todo], tags, damage)
        return found + rest, damage

    def _read_each(
        self, starts: NDArray[np.int64], tags: dict[str, int], damage: int, *, checked: bool = True
    ) -> tuple[list[Found], int]:
        """Read records one by one; of those that hold no scalar the content need not be whole."""
        rows: list[tuple[int, float, int, int, float]] = []
        for start in starts[starts < damage].tolist():
            message = self.data[start + HEAD : start + HEAD + self.length]
            try:
                for place in places_of(message):
                    if not checked:
                        foot = start + HEAD + self.length
                        if checksum(message) != int.from_bytes(self.data[foot : foot + FOOT], "little"):
                            raise ValueError("another checksum")
                        checked = True
                    number = tags.setdefault(tag_at(message, place), len(tags))
                    value = number_at(message, place)
                    rows.append((start, time_at(message, place), step_at(message, place), number, value))
            except DAMAGES:
                damage = start
                break
        return ([_as_found(rows)] if rows else []), damage


def _as_found(rows: Sequence[tuple[int, float, int, int, float]]) -> Found:
    start, time, step, tag, value = zip(*rows, strict=True)
    starts, steps, tags = (np.array(numbers, dtype=np.int64) for numbers in (start, step, tag))
    return starts, np.array(time, float), steps, tags, np.array(value, float)


def _like(
    columns: NDArray[np.uint8], first: int, places: Sequence[Place], differing: Sequence[int]
) -> NDArray[np.bool_]:
    """Say which records are the first one with another time, step and value."""
    free: set[int] = set()
    step: range = range(0)
    if places:
        place = places[0]
        free = {*range(*place.time), *range(*place.number)}
        step = range(*place.step)
    like = np.ones(columns.shape[1], dtype=bool)
    for at in differing:
        if at in step:  # as many bytes, which the highest bit of each says
            like &= (columns[at] & 0x80) == (columns[at, first] & 0x80)
        elif at not in free:
            like &= columns[at] == columns[at, first]
    return like


def _taken(columns: NDArray[np.uint8], starts: NDArray[np.int64], place: Place, tag: int) -> Found:
    """Return the scalars of records of one layout."""
    count = len(starts)
    time = _as_numbers(columns[slice(*place.time)], "<f8") if any(place.time) else np.zeros(count)
    step = np.zeros(count, dtype=np.uint64)
    for number, octets in enumerate(columns[slice(*place.step)]):
        step |= (octets & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * number)
    value = _as_numbers(columns[slice(*place.number)], f"<{place.form}").astype(np.float64)
    return starts, time, step.view(np.int64), np.full(count, tag, dtype=np.int64), value


def _as_numbers(columns: NDArray[np.uint8], kind: str) -> NDArray[Any]:
    """Return the bytes of each column as one number."""
    return np.ascontiguousarray(columns.T).view(kind).reshape(-1)
