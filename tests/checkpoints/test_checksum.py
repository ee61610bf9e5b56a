"""CRC-32C: published values, and the fast path against the plain one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.checkpoints.checksum import crc32c, masked_crc32c


def plain(data: bytes) -> int:
    """Bit by bit, as the definition says."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "value"),
    [  # RFC 3720, B.4
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_published_values(data: bytes, value: int) -> None:
    assert crc32c(data) == value


def test_masking_is_leveldbs() -> None:
    value = crc32c(b"foo")
    assert masked_crc32c(b"foo") == (((value >> 15) | (value << 17)) + 0xA282EAD8) % 2**32


@given(st.integers(0, 20_000), st.integers(0, 2**32))
def test_lanes_equal_the_definition(length: int, seed: int) -> None:
    data = random.Random(seed).randbytes(length)
    assert crc32c(data) == plain(data)


@pytest.mark.parametrize("length", [8191, 8192, 8193, 100_003, 2_200_001])
def test_around_the_limits_of_the_lanes(length: int) -> None:
    data = random.Random(length).randbytes(length)
    flipped = bytearray(data)
    flipped[length // 2] ^= 1
    assert crc32c(data) != crc32c(flipped)
    if length < 100_000:
        assert crc32c(data) == plain(data)
    else:  # the checksum of a checksum's own bytes appended is a constant of the polynomial
        assert crc32c(data + crc32c(data).to_bytes(4, "little")) == 0x48674BC7
