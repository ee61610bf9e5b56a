"""CRC-32C (Castagnoli), the checksum of TensorFlow's and LevelDB's files.

Short data is done in plain Python, at 4 MB a second. From 64 KiB on a compiled kernel does it, eight bytes at
a step: BERT-base would take two minutes otherwise.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41, bits reversed
_ONES = 0xFFFFFFFF
_COMPILED_FROM = 64 << 10


def _advance(states: list[int]) -> list[int]:
    """Each state after one zero byte."""
    return [_TABLE[state & 0xFF] ^ (state >> 8) for state in states]


def _byte_table() -> list[int]:
    table = list(range(256))
    for _ in range(8):
        table = [(value >> 1) ^ (_POLYNOMIAL if value & 1 else 0) for value in table]
    return table


_TABLE = _byte_table()


def crc32c(data: bytes | bytearray | memoryview) -> int:
    """The CRC-32C of ``data`` (``crc32c(b"123456789") == 0xE3069283``)."""
    if len(data) >= _COMPILED_FROM:
        # Imported here: it takes a second, which few who open a model need.
        from bertwright.checkpoints.tensorflow.checksum_kernel import update

        return int(update(np.frombuffer(data, np.uint8), _tables(), np.uint32(_ONES))) ^ _ONES
    state = _ONES
    for byte in bytes(data):
        state = _TABLE[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ _ONES


def masked_crc32c(data: bytes | bytearray | memoryview) -> int:
    """The checksum as stored: rotated by 15 bits plus a constant (LevelDB ``crc32c::Mask``)."""
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _tables() -> NDArray[np.uint32]:
    """What a byte does to the state when 0 to 7 other bytes follow it: shape (8, 256)."""
    rows = [_TABLE]
    while len(rows) < 8:
        rows.append(_advance(rows[-1]))
    return np.array(rows, dtype=np.uint32)
