"""The inner loop of the checksum, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertwright.execution.compilation import compiled

_BYTE = np.uint32(0xFF)


@compiled
def update(data: NDArray[np.uint8], tables: NDArray[np.uint32], state: np.uint32) -> np.uint32:
    """The state after ``data``, eight bytes at a step, each with the table of its distance from the end."""
    whole = len(data) - len(data) % 8
    for at in range(0, whole, 8):
        first = state ^ (
            np.uint32(data[at])
            | np.uint32(data[at + 1]) << np.uint32(8)
            | np.uint32(data[at + 2]) << np.uint32(16)
            | np.uint32(data[at + 3]) << np.uint32(24)
        )
        state = (
            tables[7, first & _BYTE]
            ^ tables[6, first >> np.uint32(8) & _BYTE]
            ^ tables[5, first >> np.uint32(16) & _BYTE]
            ^ tables[4, first >> np.uint32(24)]
            ^ tables[3, data[at + 4]]
            ^ tables[2, data[at + 5]]
            ^ tables[1, data[at + 6]]
            ^ tables[0, data[at + 7]]
        )
    for at in range(whole, len(data)):
        state = tables[0, (state ^ data[at]) & _BYTE] ^ (state >> np.uint32(8))
    return state
