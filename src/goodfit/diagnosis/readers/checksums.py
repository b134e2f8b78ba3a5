"""The checksums of TensorBoard's records: masked CRC-32C, of one piece or of many that are equally long."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["checksum", "checksums"]

MASK = 0xA282EAD8
POLYNOMIAL = 0x82F63B78
"""Castagnoli's, bits reversed."""


def checksum(piece: bytes) -> int:
    """Return the masked CRC-32C of some bytes.

    >>> hex(_unmasked(checksum(b"123456789")))  # the check value that CRC-32C is defined with
    '0xe3069283'
    """
    table, state = _plain_table(), 0xFFFFFFFF
    for octet in piece:
        state = table[(state ^ octet) & 0xFF] ^ (state >> 8)
    return _masked(state ^ 0xFFFFFFFF)


def checksums(columns: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the masked CRC-32C of many pieces of the same length.

    A CRC is linear: how it differs from that of the first piece depends only on the places at which the
    pieces differ, and logs of scalars hardly differ from record to record.

    Parameters
    ----------
    columns
        Shape (length, pieces): a row for each place, a column for each piece.

    >>> pieces = np.frombuffer(b"123456789" b"abcdefghi", dtype=np.uint8).reshape(2, 9)
    >>> checksums(np.ascontiguousarray(pieces.T)).tolist() == [checksum(b"123456789"), checksum(b"abcdefghi")]
    True
    """
    length, pieces = columns.shape
    first = np.ascontiguousarray(columns[:, 0])
    reference = np.uint32(_unmasked(checksum(first.tobytes())))
    found = np.full(pieces, reference, dtype=np.uint32)
    tables = _tables(1 << max(0, length - 1).bit_length())
    for place, octets in enumerate(columns):
        differing = octets ^ first[place]
        if differing.any():
            found ^= tables[length - 1 - place][differing]
    return ((found >> np.uint32(15)) | (found << np.uint32(17))) + np.uint32(MASK)


def _masked(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


def _unmasked(masked: int) -> int:
    turned = (masked - MASK) & 0xFFFFFFFF
    return ((turned << 15) | (turned >> 17)) & 0xFFFFFFFF


@cache
def _table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


@cache
def _plain_table() -> list[int]:
    return [int(value) for value in _table()]


@cache
def _tables(length: int) -> NDArray[np.uint32]:
    """Return what a byte does to the CRC when 0, 1, ... bytes follow it, shape (length, 256)."""
    table = _table()
    found = np.empty((length, 256), dtype=np.uint32)
    found[0] = table
    for place in range(1, length):
        found[place] = table[found[place - 1] & 0xFF] ^ (found[place - 1] >> np.uint32(8))
    return found
