"""Softmax over a large vocabulary and its gradient, one pass over memory each.

Numbers are float32, or bf16 as the int16 with the same bits, which becomes float32 a row at a time.

Axes: P positions, V classes.
"""

from __future__ import annotations

import math

import numpy as np

from bertwright.execution.compilation import compiled_for_vectors
from bertwright.execution.instructions import widest_vectors
from bertwright.model.float_kernels import bf16_of_float, float_of_bf16, power_of_two

_LOG2_E, _ZERO, _ONE = (np.float32(number) for number in (math.log2(math.e), 0, 1))


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
        total += power_of_two((row[i] - top) * _LOG2_E)
    return top + np.float32(math.log(total))


@compiled_for_vectors
def _gradient(row, normalizer, label, weight, result):  # type: ignore[no-untyped-def]
    widest_vectors()
    right = row[label]
    for i in range(len(row)):
        result[i] = power_of_two((row[i] - normalizer) * _LOG2_E) * weight
    result[label] = (power_of_two((right - normalizer) * _LOG2_E) - _ONE) * weight


@compiled_for_vectors
def _widen(bits, row):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(row)):
        row[i] = float_of_bf16(bits[i])


@compiled_for_vectors
def _narrow(row, bits):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(row)):
        bits[i] = bf16_of_float(row[i])
