"""Softmax over a large vocabulary and its gradient, one pass over memory each.

Numbers are float32, or bf16 as the int16 with the same bits, which becomes float32 a row at a time.

Axes: P positions, V classes.
"""

from __future__ import annotations

import math

import numpy as np

from bertwright.execution.compilation import compiled_for_vectors
from bertwright.execution.instructions import bits_of_float, float_of_bits, widest_vectors

_LOG2_E, _HALF, _ZERO, _ONE = (np.float32(number) for number in (math.log2(math.e), 0.5, 0, 1))
_LEAST = np.float32(-126)  # exponent of the smallest normal number
_EXPONENT_BITS, _EXPONENT_BIAS = np.int32(23), np.int32(127)
# 2**f for f in [-1/2, 1/2), Taylor's series: within 2e-7 of it, two units in the last place of float32
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = (np.float32(math.log(2) ** k / math.factorial(k)) for k in range(7))
_HIGH, _LAST_OF_HIGH, _ALMOST_HALF = np.int32(16), np.int32(1), np.int32(0x7FFF)


@compiled_for_vectors
def normalizers(logits, found):  # type: ignore[no-untyped-def]
    """log(sum(exp(row))) of float32 (P, V), to float32 (P,)."""
    for p in range(len(logits)):
        found[p] = _normalizer(logits[p])


@compiled_for_vectors
def normalizers_bf16(logits, found):  # type: ignore[no-untyped-def]
    """As :func:`normalizers`, of bf16."""
    row = np.empty(logits.shape[1], np.float32)
    for p in range(len(logits)):
        _widen(logits[p], row)
        found[p] = _normalizer(row)


@compiled_for_vectors
def gradients(logits, normalizers, labels, weights, result):  # type: ignore[no-untyped-def]
    """(softmax - 1 at the label) times the weight, of float32 (P, V), to float32 (P, V)."""
    for p in range(len(logits)):
        _gradient(logits[p], normalizers[p], labels[p], weights[p], result[p])


@compiled_for_vectors
def gradients_bf16(logits, normalizers, labels, weights, result):  # type: ignore[no-untyped-def]
    """As :func:`gradients`, of bf16 to bf16."""
    row, gradient = np.empty(logits.shape[1], np.float32), np.empty(logits.shape[1], np.float32)
    for p in range(len(logits)):
        _widen(logits[p], row)
        _gradient(row, normalizers[p], labels[p], weights[p], gradient)
        _narrow(gradient, result[p])


@compiled_for_vectors
def _normalizer(row):  # type: ignore[no-untyped-def]
    """NaN where there is one in ``row``, as PyTorch has it: what is no number must not get lost."""
    widest_vectors()
    top = row[0]
    for i in range(len(row)):
        top = row[i] if row[i] > top else top
    if np.isinf(top):
        return top
    total = _ZERO
    for i in range(len(row)):
        total += _power((row[i] - top) * _LOG2_E)
    return top + np.float32(math.log(total))


@compiled_for_vectors
def _gradient(row, normalizer, label, weight, result):  # type: ignore[no-untyped-def]
    widest_vectors()
    right = row[label]
    for i in range(len(row)):
        result[i] = _power((row[i] - normalizer) * _LOG2_E) * weight
    result[label] = (_power((right - normalizer) * _LOG2_E) - _ONE) * weight


@compiled_for_vectors
def _power(x):  # type: ignore[no-untyped-def]
    """2**x for x of 0 or less; 0 where that is no normal number. NaN stays what it is."""
    x = _LEAST if x < _LEAST else x
    whole = np.floor(x + _HALF)
    rest = x - whole
    power = ((((_P6 * rest + _P5) * rest + _P4) * rest + _P3) * rest + _P2) * rest
    power = (power + _P1) * rest + _P0
    power *= float_of_bits((np.int32(whole) + _EXPONENT_BIAS) << _EXPONENT_BITS)
    return _ZERO if x <= _LEAST else power


@compiled_for_vectors
def _widen(bits, row):  # type: ignore[no-untyped-def]
    """bf16 to float32."""
    widest_vectors()
    for i in range(len(row)):
        row[i] = float_of_bits(np.int32(bits[i]) << _HIGH)


@compiled_for_vectors
def _narrow(row, bits):  # type: ignore[no-untyped-def]
    """float32 to the nearest bf16, halves to the even one."""
    widest_vectors()
    for i in range(len(row)):
        whole = bits_of_float(row[i])
        bits[i] = np.int16((whole + _ALMOST_HALF + ((whole >> _HIGH) & _LAST_OF_HIGH)) >> _HIGH)
