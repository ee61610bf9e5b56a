from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.data.philox import WORDS, below, draw_below, philox, philox_block, stream_key, threshold

U64 = st.integers(0, 2**64 - 1)

# tests/kat_vectors of Random123, lines "philox4x32 10": counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("counter, key, result", KNOWN)
def test_known_answers(counter: str, key: str, result: str) -> None:
    c, k = words(counter), words(key)
    number, index = c[0] | c[1] << 32, c[2] | c[3] << 32
    assert list(philox(k[0] | k[1] << 32, index, number)) == words(result)


@given(U64, U64, U64)
@settings(deadline=None)  # the first call compiles
def test_kernel_equals_definition(key: int, index: int, number: int) -> None:
    assert philox_block(np.uint64(key), np.uint64(index), np.uint64(number)) == philox(key, index, number)


@given(st.integers(0, WORDS - 1), st.integers(1, WORDS))
@settings(deadline=None)
def test_below_stays_below_and_kernel_agrees(draw: int, limit: int) -> None:
    assert 0 <= below(draw, limit) < limit
    assert draw_below(np.uint64(draw), limit) == below(draw, limit)


def test_below_reaches_both_ends() -> None:
    assert below(0, 7) == 0
    assert below(WORDS - 1, 7) == 6


@pytest.mark.parametrize("probability, expected", [(0.0, 0), (0.5, 2**31), (1.0, 2**32), (0.25, 2**30)])
def test_threshold(probability: float, expected: int) -> None:
    assert threshold(probability) == expected


def test_draws_are_uniform_and_streams_differ() -> None:
    key = stream_key(3, "masking", 0, 0)
    draws = np.array([philox(key, index, number) for index in range(64) for number in range(64)])
    counts = np.bincount((draws.ravel() >> 24), minlength=256)
    expected = draws.size / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert 160 < chi_square < 360  # 255 degrees of freedom: mean 255, deviation 22.6
    assert len(np.unique(draws)) > draws.size - 5
    assert stream_key(3, "masking", 0, 1) != key != stream_key(4, "masking", 0, 0)
    assert 0 <= key < 2**64
