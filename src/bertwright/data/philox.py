"""Philox4x32-10: random numbers that are a pure function of a key and a counter.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Every draw of an
epoch is named by (key, index, number): the key belongs to (seed, purpose, phase, epoch), the index to one
document or instance, the number counts the draws for it. Nothing is consumed in order, so one instance in
the middle of an epoch can be made alone, and its numbers do not depend on what else is made.

:func:`philox` is the definition on Python integers, :func:`philox_block` the same for kernels.
"""

from __future__ import annotations

import numpy as np

from bertwright import randomness
from bertwright.execution.compilation import compiled

WORDS = 1 << 32
"""A draw is a whole number in ``[0, WORDS)``."""

Words = tuple[np.uint64, np.uint64, np.uint64, np.uint64]

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = WORDS - 1
_ROUNDS = 10


def stream_key(seed: int, purpose: str, *indices: int) -> int:
    """The 64-bit key of ``(seed, purpose, *indices)``."""
    return randomness.key(seed, purpose, *indices) & ((1 << 64) - 1)


def philox(key: int, index: int, number: int) -> tuple[int, int, int, int]:
    """Four draws in ``[0, 2**32)`` for 64-bit ``key``, ``index`` and ``number``."""
    c0, c1, c2, c3 = number & _LOW, number >> 32, index & _LOW, index >> 32
    k0, k1 = key & _LOW, key >> 32
    for _ in range(_ROUNDS):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _LOW, (p0 >> 32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def below(draw: int, limit: int) -> int:
    """A whole number in ``[0, limit)`` from one draw; the bias is at most ``limit / 2**32``."""
    return (draw * limit) >> 32


def threshold(probability: float) -> int:
    """``draw < threshold(p)`` holds with probability ``p`` (to 2**-32)."""
    return round(probability * WORDS)


# The same on unsigned 64-bit numbers: numba turns a product of signed and unsigned into a float, so every
# constant is spelled unsigned here.
_UM0, _UM1, _UW0, _UW1 = (np.uint64(value) for value in (_M0, _M1, _W0, _W1))
_ULOW, _U32 = np.uint64(_LOW), np.uint64(32)


@compiled
def philox_block(key: np.uint64, index: np.uint64, number: np.uint64) -> Words:
    """:func:`philox` for kernels; all arguments and results uint64."""
    c0, c1, c2, c3 = number & _ULOW, number >> _U32, index & _ULOW, index >> _U32
    k0, k1 = key & _ULOW, key >> _U32
    for _ in range(_ROUNDS):
        p0, p1 = _UM0 * c0, _UM1 * c2
        c0, c1, c2, c3 = (p1 >> _U32) ^ c1 ^ k0, p1 & _ULOW, (p0 >> _U32) ^ c3 ^ k1, p0 & _ULOW
        k0, k1 = (k0 + _UW0) & _ULOW, (k1 + _UW1) & _ULOW
    return c0, c1, c2, c3


@compiled
def draw_below(draw: np.uint64, limit: int) -> np.int64:
    """:func:`below` for kernels: uint64 draw, int64 limit and result."""
    return np.int64((draw * np.uint64(limit)) >> _U32)
