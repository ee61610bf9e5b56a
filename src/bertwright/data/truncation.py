"""Cutting a pair of segments to the length of an instance.

As the original's ``truncate_seq_pair``: one token at a time from the longer segment (from B when both are
equally long), from its front or its back with probability 0.5 each, so that neither end is favoured.

:func:`truncate` is the definition. Which segment loses how many tokens follows from the lengths alone, and
how many of them go from the front is the number of ones among that many random bits, so the kernel needs
no loop over tokens.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bertwright.data.philox import philox, philox_block
from bertwright.execution.compilation import compiled

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]

_BITS = 128  # of one Philox block


def truncate(
    a_length: int, b_length: int, max_tokens: int, key: int, index: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(tokens cut from the front, from the back) of A and of B; ``b_length`` is 0 for a single segment."""
    lengths = [a_length, b_length]
    cuts = [[0, 0], [0, 0]]
    while sum(lengths) > max_tokens:
        side = 0 if lengths[0] > lengths[1] else 1
        removed = sum(cuts[side])
        words = philox(key, index, 2 * (removed // _BITS) + side)
        bit = words[removed % _BITS // 32] >> (removed % 32) & 1
        cuts[side][1 - bit] += 1
        lengths[side] -= 1
    return (cuts[0][0], cuts[0][1]), (cuts[1][0], cuts[1][1])


@compiled
def truncate_rows(
    a_start: Int64s,
    a_length: Int64s,
    b_start: Int64s,
    b_length: Int64s,
    max_tokens: int,
    keys: Uint64s,
    indices: Uint64s,
) -> None:
    """:func:`truncate` for every row, in place: starts move by what went from the front.

    Args:
        a_start, a_length, b_start, b_length: (rows,).
        keys, indices: (rows,), the stream of each instance.
    """
    for row in range(len(a_start)):
        excess = a_length[row] + b_length[row] - max_tokens
        if excess <= 0:
            continue
        # The longer one comes down to the shorter one; then they lose in turn, B first.
        difference = a_length[row] - b_length[row]
        level = min(excess, abs(difference))
        left = excess - level
        from_a, from_b = left // 2, left - left // 2
        if difference > 0:
            from_a += level
        else:
            from_b += level
        a_start[row] += _front(from_a, 0, keys[row], indices[row])
        b_start[row] += _front(from_b, 1, keys[row], indices[row])
        a_length[row] -= from_a
        b_length[row] -= from_b


@compiled
def _front(removed: int, side: int, key: np.uint64, index: np.uint64) -> int:
    """How many of ``removed`` tokens go from the front: the ones among the first ``removed`` random bits."""
    ones = 0
    for block in range((removed + _BITS - 1) // _BITS):
        words = philox_block(key, index, np.uint64(2 * block + side))
        for word in range(4):
            bits = min(32, removed - block * _BITS - word * 32)
            if bits > 0:
                ones += _ones(words[word] & ((np.uint64(1) << np.uint64(bits)) - np.uint64(1)))
    return ones


@compiled
def _ones(word: np.uint64) -> np.int64:
    """Number of ones in the low 32 bits."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x55555555))
    word = (word & np.uint64(0x33333333)) + ((word >> np.uint64(2)) & np.uint64(0x33333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F)
    return np.int64(((word * np.uint64(0x01010101)) & np.uint64(0xFFFFFFFF)) >> np.uint64(24))
