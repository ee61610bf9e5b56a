"""Powers of two in float32, for the kernels of all rooms."""

from __future__ import annotations

import math

import numpy as np

from bertwright.execution.compilation import compiled_for_vectors
from bertwright.execution.instructions import float_of_bits

LEAST = -126
"""Exponent of the smallest normal number."""
EXPONENT_BITS, EXPONENT_BIAS = 23, 127
"""Where the exponent stands in a float32, and what it is stored as when it is 0."""
SERIES = [math.log(2) ** k / math.factorial(k) for k in range(7)]
"""2**f for f in [-1/2, 1/2), Taylor's series: within 2e-7 of it, two units in the last place of float32."""

_LEAST, _MOST, _HALF, _ZERO = (np.float32(number) for number in (LEAST, -LEAST, 0.5, 0))
_SHIFT, _BIAS = np.int32(EXPONENT_BITS), np.int32(EXPONENT_BIAS)
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = map(np.float32, SERIES)


@compiled_for_vectors
def power_of_two(x):  # type: ignore[no-untyped-def]
    """2**x; 0 below the normal numbers, 2**126 from there on. NaN stays what it is."""
    x = _LEAST if x < _LEAST else x
    x = _MOST if x > _MOST else x
    whole = np.floor(x + _HALF)
    rest = x - whole
    power = ((((_P6 * rest + _P5) * rest + _P4) * rest + _P3) * rest + _P2) * rest
    power = (power + _P1) * rest + _P0
    power *= float_of_bits((np.int32(whole) + _BIAS) << _SHIFT)
    return _ZERO if x <= _LEAST else power
