"""Drawing and dropping in one pass over memory.

Numbers are those of SplitMix64 (Steele, Lea, Flood 2014) at the places of a counter, so that they are a
function of key and place and need not be kept: one number of 64 bits decides four elements, 16 bits each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertwright.execution.compilation import compiled

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LANE = np.uint64(0xFFFF)


@compiled
def drop(
    x: NDArray[np.generic], out: NDArray[np.generic], key: np.uint64, kept: np.uint64, factor: np.generic
) -> None:
    """``x * factor`` where 16 bits are below ``kept``, else 0.

    Args:
        x, out: (n,) of one dtype.
        factor: of that dtype.
    """
    nothing = x.dtype.type(0)
    whole = x.size // 4
    for group in range(whole):
        bits = _mixed(key + np.uint64(group + 1) * _STEP)
        for lane in range(4):
            place = 4 * group + lane
            keep = ((bits >> np.uint64(16 * lane)) & _LANE) < kept
            out[place] = x[place] * factor if keep else nothing
    bits = _mixed(key + np.uint64(whole + 1) * _STEP)
    for place in range(4 * whole, x.size):
        keep = ((bits >> np.uint64(16 * (place - 4 * whole))) & _LANE) < kept
        out[place] = x[place] * factor if keep else nothing


@compiled
def _mixed(bits: np.uint64) -> np.uint64:
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))
