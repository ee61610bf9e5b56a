"""GELU and its slope, x Phi(x) and Phi(x) + x phi(x), in one pass over memory.

``x``, ``result`` and ``slopes`` are (n,) float32, or bf16 as the int16 with the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from bertwright.execution.compilation import compiled, compiled_for_vectors
from bertwright.execution.instructions import as_float, as_in, widest_vectors
from bertwright.execution.powers import power_of_two
from bertwright.execution.team import in_team, span

_HALF, _ONE, _TWO, _ZERO = (np.float32(number) for number in (0.5, 1, 2, 0))
_LOG2_E = np.float32(math.log2(math.e))
_ROOT, _CUBE = np.float32(math.sqrt(2 / math.pi)), np.float32(0.044715)
_THREE_CUBES = np.float32(3 * 0.044715)
_ROOT_HALF, _DENSITY = np.float32(math.sqrt(0.5)), np.float32(1 / math.sqrt(2 * math.pi))
# erfc(z) = exp(-z**2) t (A1 + t (A2 + ...)), t = 1 / (1 + A0 z), for z >= 0 within 1.5e-7 (Abramowitz and
# Stegun, 7.1.26)
_A0, _A1, _A2, _A3, _A4, _A5 = (
    np.float32(factor)
    for factor in (0.3275911, 0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
)


_BLOCK = 1 << 10
"""Parts begin at multiples of it, so that a number is always in the same place of a vector, or of none."""


@compiled
def gelu_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`gelu` of all parts."""
    in_team(gelu, arguments, parts)


@compiled_for_vectors
def gelu(x, by_tanh, result, slopes, share):  # type: ignore[no-untyped-def]
    """With the normal distribution itself, or ``by_tanh`` with (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
    in its place; for a part of ``x``."""
    begin, end = span(len(x), _BLOCK, share)
    given, taken, steep = x[begin:end], result[begin:end], slopes[begin:end]
    if by_tanh:
        _gelu_by_tanh(given, taken, steep)
    else:
        _gelu_by_erf(given, taken, steep)


@compiled_for_vectors
def _gelu_by_tanh(x, result, slopes):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(x)):
        number = as_float(x[i])
        share, slope = _by_tanh(number)
        result[i], slopes[i] = as_in(number * share, result), as_in(slope, slopes)


@compiled_for_vectors
def _gelu_by_erf(x, result, slopes):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(x)):
        number = as_float(x[i])
        share, slope = _by_erf(number)
        result[i], slopes[i] = as_in(number * share, result), as_in(slope, slopes)


@compiled_for_vectors
def _by_tanh(x):  # type: ignore[no-untyped-def]
    """(1 + tanh u) / 2 = 1 / (1 + exp(-2u)), and the slope of x times that."""
    square = x * x
    u = _ROOT * x * (_ONE + _CUBE * square)
    share = _ONE / (_ONE + power_of_two(-_TWO * _LOG2_E * u))
    inner = _TWO * _ROOT * (_ONE + _THREE_CUBES * square)
    return share, share + x * share * (_ONE - share) * inner


@compiled_for_vectors
def _by_erf(x):  # type: ignore[no-untyped-def]
    """Phi(x) = 1 - erfc(x / sqrt 2) / 2, and the slope of x times that."""
    z = abs(x) * _ROOT_HALF
    decay = power_of_two(-_LOG2_E * z * z)  # exp(-x**2 / 2)
    t = _ONE / (_ONE + _A0 * z)
    half = _HALF * decay * t * (_A1 + t * (_A2 + t * (_A3 + t * (_A4 + t * _A5))))
    share = half if x < _ZERO else _ONE - half
    return share, share + x * _DENSITY * decay
