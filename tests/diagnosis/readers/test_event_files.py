from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.diagnosis.readers import event_files
from goodfit.diagnosis.readers.checksums import checksum
from goodfit.diagnosis.readers.event_files import read_events


def varint(number: int) -> bytes:
    octets = []
    while number > 0x7F:
        octets.append(0x80 | number & 0x7F)
        number >>= 7
    return bytes([*octets, number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def value(tag: str, number: float, form: str = "simple") -> bytes:
    if form == "simple":
        return field(1, field(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", number))
    kind, packed = {"float": (1, "f"), "double": (2, "d"), "int32": (3, "i"), "int64": (9, "q")}[form]
    tensor = varint(1 << 3) + varint(kind) + field(4, struct.pack(f"<{packed}", number))
    return field(1, field(1, tag.encode()) + field(8, tensor))


def record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return b"".join(
        [length, struct.pack("<I", checksum(length)), content, struct.pack("<I", checksum(content))]
    )


def event(time: float, step: int, *values: bytes) -> bytes:
    content = varint(1 << 3 | 1) + struct.pack("<d", time)
    content += varint(2 << 3) + varint(step % 2**64) if step else b""
    return record(content + (field(5, b"".join(values)) if values else field(3, b"brain.Event:2")))


def told(data: bytes) -> tuple[list[tuple[float, int, str, float]], bool]:
    events, whole = read_events(data)
    columns = (events.time.tolist(), events.step.tolist(), events.tag.tolist(), events.value.tolist())
    return [(t, s, events.tags[g], v) for t, s, g, v in zip(*columns, strict=True)], whole


steps = st.integers(0, 2**40) | st.sampled_from([1, 127, 128, 16383, 16384, -1])
numbers = st.floats(width=32, allow_nan=False)
points = st.tuples(st.floats(0, 2e9), steps, st.sampled_from(["loss", "val_loss", "accuracy", "lr"]), numbers)


@given(st.lists(points, max_size=40), st.sampled_from(["simple", "float", "double"]))
def test_scalars_come_back_in_their_order(rows, form):
    data = event(1.0, 0) + b"".join(event(t, s, value(tag, v, form)) for t, s, tag, v in rows)
    assert told(data) == (rows, True)


def test_the_fast_way_and_the_careful_one_agree(monkeypatch):
    rng = np.random.default_rng(0)
    rows = [(float(i), 3 * i, f"tag{i % 7}", float(np.float32(rng.normal()))) for i in range(500)]
    data = event(0.0, 0) + b"".join(event(t, s, value(tag, v)) for t, s, tag, v in rows)
    fast = told(data)
    monkeypatch.setattr(event_files, "MOST_LAYOUTS", 0)
    assert told(data) == fast == (rows, True)
    monkeypatch.setattr(event_files, "LONG", 0)
    assert told(data) == fast


def test_several_scalars_of_one_event_and_whole_numbers_are_read():
    data = event(1.0, 5, value("a", 1.5), value("b", 7, "int64"), value("c", 3, "int32")) + event(2.0, 6)
    assert told(data) == ([(1.0, 5, "a", 1.5), (1.0, 5, "b", 7.0), (1.0, 5, "c", 3.0)], True)


@pytest.mark.parametrize("layouts", [0, 64])
def test_a_damaged_file_is_read_up_to_the_damage(layouts, monkeypatch):
    monkeypatch.setattr(event_files, "MOST_LAYOUTS", layouts)
    rows = [(float(i), i, "loss" if i % 2 else "valid_loss", float(i)) for i in range(1, 21)]
    pieces = [event(t, s, value(tag, v)) for t, s, tag, v in rows]
    whole = b"".join(pieces)
    for row in range(20):
        before = sum(map(len, pieces[:row]))
        for offset in range(len(pieces[row])):
            spoilt = bytearray(whole)
            spoilt[before + offset] ^= 0x10
            assert told(bytes(spoilt)) == (rows[:row], False)
    for cut in range(1, len(pieces[-1])):
        assert told(whole[:-cut]) == (rows[:-1], False)


def test_a_long_record_without_scalars_is_passed_over():
    picture = record(field(5, field(1, field(1, b"picture") + field(4, bytes(10_000)))))
    data = event(1.0, 1, value("loss", 0.5)) + picture + event(2.0, 2, value("loss", 0.25))
    assert told(data) == ([(1.0, 1, "loss", 0.5), (2.0, 2, "loss", 0.25)], True)


@given(st.binary(max_size=200))
def test_anything_else_is_no_log(data):
    found, whole = told(data)
    assert not found
    assert whole == (not data)
