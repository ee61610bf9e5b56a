"""What kernels of float32 and bf16 share: powers of two, and one format as the other.

bf16 is given as the int16 with the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from bertwright.execution.compilation import compiled_for_vectors
from bertwright.execution.instructions import bits_of_float, float_of_bits

_LEAST, _MOST = np.float32(-126), np.float32(126)  # exponents of normal numbers
_HALF, _ZERO = np.float32(0.5), np.float32(0)
_EXPONENT_BITS, _EXPONENT_BIAS = np.int32(23), np.int32(127)
# 2**f for f in [-1/2, 1/2), Taylor's series: within 2e-7 of it, two units in the last place of float32
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = (np.float32(math.log(2) ** k / math.factorial(k)) for k in range(7))
_HIGH, _LAST_OF_HIGH, _ALMOST_HALF = np.int32(16), np.int32(1), np.int32(0x7FFF)


@compiled_for_vectors
def power_of_two(x):  # type: ignore[no-untyped-def]
    """2**x; 0 below the normal numbers, 2**126 from there on. NaN stays what it is."""
    x = _LEAST if x < _LEAST else x
    x = _MOST if x > _MOST else x
    whole = np.floor(x + _HALF)
    rest = x - whole
    power = ((((_P6 * rest + _P5) * rest + _P4) * rest + _P3) * rest + _P2) * rest
    power = (power + _P1) * rest + _P0
    power *= float_of_bits((np.int32(whole) + _EXPONENT_BIAS) << _EXPONENT_BITS)
    return _ZERO if x <= _LEAST else power


@compiled_for_vectors
def float_of_bf16(bits):  # type: ignore[no-untyped-def]
    """The same number as float32."""
    return float_of_bits(np.int32(bits) << _HIGH)


@compiled_for_vectors
def bf16_of_float(number):  # type: ignore[no-untyped-def]
    """The nearest bf16, halves to the even one."""
    whole = bits_of_float(number)
    return np.int16((whole + _ALMOST_HALF + ((whole >> _HIGH) & _LAST_OF_HIGH)) >> _HIGH)
