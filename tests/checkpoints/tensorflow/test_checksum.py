"""CRC-32C: published values, and the plain and the compiled path against the definition."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.checkpoints.tensorflow.checksum import crc32c, masked_crc32c


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


@settings(deadline=None)
@given(st.integers(0, 20_000), st.integers(0, 2**32))
def test_the_plain_path_equals_the_definition(length: int, seed: int) -> None:
    data = random.Random(seed).randbytes(length)
    assert crc32c(data) == plain(data)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 65_535, 65_536, 65_537, 65_543, 100_003])
def test_around_the_limits_of_the_compiled_path(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert crc32c(data) == crc32c(memoryview(data)) == plain(data)


@pytest.mark.parametrize("length", [65_536, 2_200_001])
def test_a_checksum_notices_a_bit_and_ends_in_a_constant(length: int) -> None:
    data = random.Random(length).randbytes(length)
    flipped = bytearray(data)
    flipped[length // 2] ^= 1
    assert crc32c(data) != crc32c(flipped)
    # the checksum of data with its checksum appended is a constant of the polynomial
    assert crc32c(data + crc32c(data).to_bytes(4, "little")) == 0x48674BC7


@pytest.mark.slow
def test_a_large_model_is_checked_in_a_few_seconds() -> None:
    """400 MB, as BERT-base has; a hundred times as fast as the plain path."""
    data = np.random.default_rng(0).integers(0, 256, 400 << 20, dtype=np.uint8)
    crc32c(memoryview(data[:100_000]))  # compiled at the first call
    start = time.process_time()
    crc32c(memoryview(data))
    assert time.process_time() - start < 2.5
