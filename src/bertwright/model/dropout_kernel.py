"""Drawing and dropping in one pass over memory.

Numbers are those of SplitMix64 (Steele, Lea, Flood 2014) at the places of a counter, so that they are a
function of key and place and need not be kept: one number of 64 bits decides four elements, 16 bits each.
"""

from __future__ import annotations

import numpy as np

from bertwright.execution.compilation import compiled, compiled_for_vectors
from bertwright.execution.instructions import as_float, as_in, widest_vectors
from bertwright.execution.team import in_team, span

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ZERO = np.float32(0)
LANES = 4
"""Elements that a number decides."""
_AT_ONCE = 1 << 11
"""Elements for which is drawn before they are dropped: a loop of one kind each, and what was drawn stays in
the nearest cache."""


@compiled
def drop_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`drop_share` of all parts."""
    in_team(drop_share, arguments, parts)


@compiled_for_vectors
def drop_share(x, out, drawing, share):  # type: ignore[no-untyped-def]
    """:func:`drop` for a part of ``x``; ``drawing`` is key, share that is kept, and factor."""
    key, kept, factor = drawing
    begin, end = span(x.size, LANES, share)
    drop(x[begin:end], out[begin:end], key_behind(key, begin), kept, factor)


@compiled_for_vectors
def drop(x, out, key, kept, factor):  # type: ignore[no-untyped-def]
    """``x * factor`` where 16 bits are below ``kept``, else 0.

    Args:
        x, out: (n,) float32, or bf16 as the int16 with the same bits.
        key: uint64.
        kept: int32, to 65,536.
        factor: float32.
    """
    drawn = np.empty(_AT_ONCE // LANES, np.uint64)
    lanes = drawn.view(np.uint16)
    for begin in range(0, x.size, _AT_ONCE):
        end = min(begin + _AT_ONCE, x.size)
        draw(key + np.uint64(begin // LANES) * _STEP, drawn)
        drop_by(lanes, x[begin:end], out[begin:end], kept, factor)


@compiled_for_vectors
def key_behind(key, count):  # type: ignore[no-untyped-def]
    """The key by which :func:`drop` draws from the place ``count``, a multiple of :data:`LANES`, on."""
    return key + np.uint64(count // LANES) * _STEP


@compiled_for_vectors
def draw(key, drawn):  # type: ignore[no-untyped-def]
    """The numbers behind ``key``, (n,) uint64, seen as 4 n of 16 bits."""
    widest_vectors()
    for i in range(len(drawn)):
        bits = key + np.uint64(i + 1) * _STEP
        bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
        bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
        drawn[i] = bits ^ (bits >> np.uint64(31))


@compiled_for_vectors
def drop_by(lanes, x, out, kept, factor):  # type: ignore[no-untyped-def]
    """:func:`drop` by numbers of 16 bits that :func:`draw` has drawn."""
    widest_vectors()
    for i in range(len(x)):
        kept_one = as_float(x[i]) * factor
        out[i] = as_in(kept_one if np.int32(lanes[i]) < kept else _ZERO, out)
