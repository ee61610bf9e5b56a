"""LayerNorm(x + dropout(m)) and its gradient, in one pass over memory each.

Sums are loops of their own, in which nothing is written. Where something is, LLVM asks at run time whether
arrays overlap, by bounds that are wider than they are; where they lie too near to each other in memory it
adds up one number after the other, with other last bits.

Axes: T tokens, H hidden size.
"""

from __future__ import annotations

import numpy as np

from bertwright.execution.compilation import compiled, compiled_for_vectors
from bertwright.execution.instructions import as_float, as_in, convert, widest_vectors
from bertwright.execution.team import in_team, span
from bertwright.model.dropout_kernel import LANES, draw, drop_by, key_behind

_ZERO, _ONE = np.float32(0), np.float32(1)


@compiled
def join_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`join` of all parts."""
    in_team(join, arguments, parts)


@compiled
def join_backward_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`join_backward` of all parts."""
    in_team(join_backward, arguments, parts)


@compiled_for_vectors
def join(hidden, mixed, drawing, norm, taken, share):  # type: ignore[no-untyped-def]
    """The result, for a part of the rows.

    Args:
        hidden: (T, H) float32.
        mixed: (T, H) float32, or bf16 as the int16 with the same bits, as all of the latter are here.
        drawing: key, share that is kept, factor of what is kept, as of :func:`dropout_kernel.drop`, where
            place t H + h decides. H is a multiple of :data:`LANES`.
        norm: weight (H,), bias (H,), epsilon, all float32.
        taken: result (T, H) float32; the same (T, H) in bf16, or (0, H) where it is not wanted; mean and
            1 / deviation of each row (T, 2) float32.
    """
    key, kept, factor = drawing
    weight, bias, epsilon = norm
    result, rounded, moments = taken
    width = hidden.shape[1]
    whole = np.empty(width, np.float32)
    drawn = np.zeros(-(-width // LANES), np.uint64)
    lanes = drawn.view(np.uint16)
    for row in range(*span(len(hidden), 1, share)):
        draw(key_behind(key, row * width), drawn)
        _add_dropped(hidden[row], mixed[row], lanes, kept, factor, whole)
        mean = _sum(whole) / np.float32(width)
        inverse = _ONE / np.sqrt(_squares(whole, mean) / np.float32(width) + epsilon)
        _normalize(whole, mean, inverse, weight, bias, result[row])
        moments[row, 0], moments[row, 1] = mean, inverse
        if len(rounded):
            convert(result[row], rounded[row])


@compiled_for_vectors
def join_backward(gradients, hidden, mixed, drawing, weight, moments, taken, share):  # type: ignore[no-untyped-def]
    """What a part of the rows adds to the gradients.

    With a = weight * gradient, n a row less its mean and divided by its deviation, and means over H, that of
    x is (a - mean(a) - n mean(a n)) / deviation.

    Args:
        gradients: of the result (T, H) float32, and of the result in bf16 (T, H); (0, H) where there is none.
        hidden, mixed, drawing, weight, moments: as in :func:`join`.
        taken: gradients of ``hidden`` (T, H), and ``mixed`` (T, H) in its format; those of weight and bias,
            a row of 2 H numbers for each part, (parts, 2, H) float32, 0.
    """
    key, kept, factor = drawing
    exact, rounded = gradients
    d_hidden, d_mixed, d_norm = taken
    d_weight, d_bias = d_norm[share[0], 0], d_norm[share[0], 1]  # unpacked, they would not be dense
    width = hidden.shape[1]
    drawn = np.zeros(-(-width // LANES), np.uint64)
    lanes = drawn.view(np.uint16)
    whole, joined = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(*span(len(hidden), 1, share)):
        draw(key_behind(key, row * width), drawn)
        if not len(rounded):
            convert(exact[row], whole)
        elif not len(exact):
            convert(rounded[row], whole)
        else:
            _add(exact[row], rounded[row], whole)
        _add_dropped(hidden[row], mixed[row], lanes, kept, factor, joined)
        mean, inverse = moments[row, 0], moments[row, 1]
        total, along = _sums(whole, weight, joined, mean, inverse)
        total, along = total / np.float32(width), along / np.float32(width)
        _add_products(whole, joined, mean, inverse, d_weight, d_bias)
        _spread(whole, weight, joined, mean, inverse, total, along, d_hidden[row])
        drop_by(lanes, d_hidden[row], d_mixed[row], kept, factor)


@compiled_for_vectors
def _add_dropped(hidden, mixed, lanes, kept, factor, out):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(out)):
        dropped = as_float(mixed[i]) * factor if np.int32(lanes[i]) < kept else _ZERO
        out[i] = hidden[i] + as_float(as_in(dropped, mixed))


@compiled_for_vectors
def _sum(x):  # type: ignore[no-untyped-def]
    widest_vectors()
    total = _ZERO
    for i in range(len(x)):
        total += x[i]
    return total


@compiled_for_vectors
def _squares(x, mean):  # type: ignore[no-untyped-def]
    widest_vectors()
    total = _ZERO
    for i in range(len(x)):
        total += (x[i] - mean) * (x[i] - mean)
    return total


@compiled_for_vectors
def _normalize(x, mean, inverse, weight, bias, out):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(x)):
        out[i] = (x[i] - mean) * inverse * weight[i] + bias[i]


@compiled_for_vectors
def _add(x, y, out):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(x)):
        out[i] = x[i] + as_float(y[i])


@compiled_for_vectors
def _sums(gradient, weight, x, mean, inverse):  # type: ignore[no-untyped-def]
    """Over a, and over a n."""
    widest_vectors()
    total = along = _ZERO
    for i in range(len(gradient)):
        one = gradient[i] * weight[i]
        total += one
        along += one * ((x[i] - mean) * inverse)
    return total, along


@compiled_for_vectors
def _add_products(gradient, x, mean, inverse, d_weight, d_bias):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(gradient)):
        d_weight[i] += gradient[i] * ((x[i] - mean) * inverse)
        d_bias[i] += gradient[i]


@compiled_for_vectors
def _spread(gradient, weight, x, mean, inverse, total, along, out):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(out)):
        normal = (x[i] - mean) * inverse
        out[i] = (gradient[i] * weight[i] - total - normal * along) * inverse
