"""What is done between two products, a token after the other, each in one pass.

``products`` are int32 (T, O), from whole numbers whose scale is one for each token, ``tokens`` (T,), and one
for each output, ``outputs`` (O,): products * tokens * outputs + bias is the layer's result. Where a kernel's
result is multiplied again it is rounded: whole numbers to ``numbers`` (T, O) int8, scales to ``scales`` (T,).
Floating-point arrays are float32; all are contiguous.

Axes: T tokens, H hidden size, N heads, D = H / N, I width inside the feed-forward sub-layer.
"""

from __future__ import annotations

import numpy as np

from bertwright.execution.compilation import compiled_for_vectors
from bertwright.execution.instructions import float_of_bits, widest_vectors
from bertwright.execution.vectors import LANES, TILE_ROWS, multiply, softmax, turn

RANGE = 127
"""Rounded activations go from -127 to 127."""

_RANGE, _HALF, _ONE, _ZERO = (np.float32(number) for number in (RANGE, 0.5, 1, 0))
_WITHOUT_SIGN = np.int32(0x7FFFFFFF)
_EDGE = np.float32(4.2)
# (Phi(x) - 1/2) / x as a polynomial of x**2, Phi the normal distribution: x Phi(x) is within 3e-6 for
# |x| < 3, 1e-4 for |x| < 7 and 1.4e-5 |x| beyond, a hundredth of what the rounding after it takes away.
_G0, _G1, _G2, _G3, _G4, _G5, _G6, _G7, _G8, _G9 = (
    np.float32(factor)
    for factor in (
        *(0.3989180028438568, -0.06641823053359985, 0.00989875290542841, -0.0011484144488349557),
        *(0.00010354549885960296, -7.116508641047403e-06, 3.568802640074864e-07, -1.2165862983692932e-08),
        *(2.4950969068626705e-10, -2.306642940888559e-12),
    )
)


@compiled_for_vectors
def _round_row(row, numbers):  # type: ignore[no-untyped-def]
    """The nearest whole numbers to ``row`` over its scale, halves up; returns the scale, of zeros 1 / 127."""
    widest_vectors()
    bits = row.view(np.int32)
    peak = np.int32(0)
    for i in range(len(row)):
        peak = max(peak, bits[i] & _WITHOUT_SIGN)  # numbers of one sign are ordered as their bits
    top = float_of_bits(peak)
    if top == _ZERO:
        top = _ONE
    share = _RANGE / top
    for i in range(len(row)):
        numbers[i] = np.int8(np.int32(np.floor(row[i] * share + _HALF)))
    return top / _RANGE


@compiled_for_vectors
def round_rows(rows, numbers, scales):  # type: ignore[no-untyped-def]
    """float32 (T, O), rounded."""
    for t in range(len(rows)):
        scales[t] = _round_row(rows[t], numbers[t])


@compiled_for_vectors
def restore(products, tokens, outputs, bias, result):  # type: ignore[no-untyped-def]
    """The layer's result as float32."""
    widest_vectors()
    for t in range(len(products)):
        scale, row, into = tokens[t], products[t], result[t]
        for i in range(len(row)):
            into[i] = np.float32(row[i]) * (scale * outputs[i]) + bias[i]


@compiled_for_vectors
def gelu(products, tokens, outputs, bias, numbers, scales):  # type: ignore[no-untyped-def]
    """x Phi(x) of the layer's result, rounded."""
    widest_vectors()
    found = np.empty(products.shape[1], np.float32)
    for t in range(len(products)):
        scale, row = tokens[t], products[t]
        for i in range(len(row)):
            x = np.float32(row[i]) * (scale * outputs[i]) + bias[i]
            c = x if x < _EDGE else _EDGE
            c = c if c > -_EDGE else -_EDGE
            s = c * c
            p = ((((_G9 * s + _G8) * s + _G7) * s + _G6) * s + _G5) * s + _G4
            p = (((p * s + _G3) * s + _G2) * s + _G1) * s + _G0
            found[i] = x * (c * p + _HALF)
        scales[t] = _round_row(found, numbers[t])


@compiled_for_vectors
def add_and_normalize(products, tokens, outputs, bias, residual, gain, shift, epsilon, result):  # type: ignore[no-untyped-def]
    """LayerNorm(residual + the layer's result) as float32 (T, H)."""
    widest_vectors()
    for t in range(len(products)):
        scale, row, before, into = tokens[t], products[t], residual[t], result[t]
        size = np.float32(len(row))
        total = _ZERO
        for i in range(len(row)):
            into[i] = np.float32(row[i]) * (scale * outputs[i]) + bias[i] + before[i]
            total += into[i]
        mean = total / size
        squares = _ZERO
        for i in range(len(row)):
            squares += (into[i] - mean) * (into[i] - mean)
        factor = _ONE / np.sqrt(squares / size + epsilon)
        for i in range(len(row)):
            into[i] = (into[i] - mean) * factor * gain[i] + shift[i]


@compiled_for_vectors
def attend(products, tokens, outputs, bias, rows, length, first, heads, numbers, scales):  # type: ignore[no-untyped-def]
    """softmax(Q K^T) V, rounded, for ``rows`` rows of ``length`` tokens from token ``first`` on.

    Every key of a row is seen. The layer's result is queries, keys and values side by side, (T, 3H), heads
    one after the other in each; ``outputs`` and ``bias`` of the queries hold the factor log2(e) / sqrt(D).
    """
    widest_vectors()
    hidden = numbers.shape[1]
    size, width = hidden // heads, 3 * hidden
    deep = (size + LANES - 1) // LANES * LANES  # of each head's columns, the next head's among them
    keys = (length + LANES - 1) // LANES * LANES
    queries = (length + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    step = hidden + LANES
    fused = np.zeros(keys * width + LANES, np.float32)
    turned = np.empty(deep * keys, np.float32)  # keys of a head, (deep, keys)
    weights = np.empty(queries * keys, np.float32)
    mixed = np.empty(queries * step, np.float32)
    for row in range(rows):
        base = first + row * length
        restore(
            products[base : base + length],
            tokens[base : base + length],
            outputs,
            bias,
            fused[: length * width].reshape(length, width),
        )
        for head in range(heads):
            at = head * size
            for t in range(0, keys, LANES):
                for d in range(0, deep, LANES):
                    turn(fused, t * width + hidden + at + d, width, turned, d * keys + t, keys)
            multiply(fused, at, width, 1, turned, 0, keys, weights, 0, keys, queries, keys, size)
            for t in range(length):
                softmax(weights, t * keys, length)
            values = 2 * hidden + at
            multiply(weights, 0, keys, 1, fused, values, width, mixed, at, step, queries, deep, length)
        for t in range(length):
            scales[base + t] = _round_row(mixed[t * step : t * step + hidden], numbers[base + t])
