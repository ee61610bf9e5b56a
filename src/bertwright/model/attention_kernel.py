"""Attention of rows of any length, with dropout, forward and backward, a head of a row after the other.

Of each row there is what its own tokens need and no padding. What lies between two products is one head's and
stays in the caches. Sums are float32, whatever the numbers are.

Arrays are float32, or bf16 as the int16 with the same bits.

    fused     (T, 3H): queries, keys and values side by side, heads one after the other in each
    rows      three times (R,) int64: the token that each row begins with, how many it has, and where its
              weights begin, N squares of side P
    drawing   key, kept and factor of :func:`~bertwright.model.dropout_kernel.drop`; a weight's place is that
              among all weights
    share     part and parts: of the heads of all rows every ``parts``-th is done here

Axes: R rows, T tokens, S tokens of a row, H hidden size, N heads, D = H / N; P and E are S and D rounded up
to whole vectors.
"""

from __future__ import annotations

import math

import numpy as np

from bertwright.execution.compilation import compiled, compiled_for_vectors
from bertwright.execution.instructions import as_float, as_in, convert, widest_vectors
from bertwright.execution.team import in_team
from bertwright.execution.vectors import LANES, multiply, softmax, turn_columns
from bertwright.model.dropout_kernel import drop, key_behind

_ZERO, _ONE = np.float32(0), np.float32(1)
_LOG2_E = np.float32(math.log2(math.e))
_BYTES = 4
_CHOSEN = 4
"""Of a head's space, where the weights are; 0 to 3 are for what comes and goes."""


@compiled
def attend_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`attend` of all parts."""
    in_team(attend, arguments, parts)


@compiled
def attend_backward_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`attend_backward` of all parts."""
    in_team(attend_backward, arguments, parts)


@compiled_for_vectors
def attend(fused, rows, heads, hidden, causal, drawing, weights, context, share):  # type: ignore[no-untyped-def]
    """softmax(Q K^T / sqrt(D) + hidden), dropped out, times V.

    Args:
        hidden: (T,) float32, added to the scores of each key, or (0,) where none is hidden.
        causal: whether each position sees none behind it.
        weights: flat; gets the softmax, before dropout, for the gradient; (0,) where it is not to be kept.
        context: (T, H); gets the result.
    """
    (firsts, lengths, places), (part, parts) = rows, share
    width, size = fused.shape[1] // 3, fused.shape[1] // 3 // heads
    space = _space(lengths, size)
    for task in range(part, len(firsts) * heads, parts):
        row, head = task // heads, task % heads
        first, length, column = firsts[row], lengths[row], head * size
        count = _rounded(length) ** 2
        place = places[row] + head * count
        chosen = _weights(fused, first, length, column, size, hidden, causal, space)
        if len(weights):
            convert(chosen.reshape(-1), weights[place : place + count])
        values = _take(fused, first, length, column + 2 * width, size, _ONE, space[0])
        dropped = _drop(chosen, drawing, place, space[1])
        _give(_multiply(dropped, values, length, space[2]), first, length, column, size, context)


@compiled_for_vectors
def attend_backward(  # type: ignore[no-untyped-def]
    fused, rows, heads, hidden, causal, drawing, weights, d_context, d_fused, share
):
    """The gradient ``d_fused`` of ``fused``, by ``d_context``, that of the result; else as :func:`attend`.

    With W the softmax, M what dropout multiplies it with and G the gradient of the result: that of V is
    (W M)^T G, that of W is A = G V^T M, that of the scores is F = W (A - the sum of A W over the keys), those
    of Q and K are F K / sqrt(D) and F^T Q / sqrt(D). Where W was not kept it is made again.
    """
    (firsts, lengths, places), (part, parts) = rows, share
    width, size = fused.shape[1] // 3, fused.shape[1] // 3 // heads
    deep, scale, space = _rounded(size), _ONE / np.sqrt(np.float32(size)), _space(lengths, size)
    for task in range(part, len(firsts) * heads, parts):
        row, head = task // heads, task % heads
        first, length, column = firsts[row], lengths[row], head * size
        count = _rounded(length) ** 2
        place = places[row] + head * count
        if len(weights):
            chosen = space[_CHOSEN][:count].reshape(_rounded(length), _rounded(length))
            convert(weights[place : place + count], chosen.reshape(-1))
        else:
            chosen = _weights(fused, first, length, column, size, hidden, causal, space)
        given = _take(d_context, first, length, column, size, _ONE, space[0])
        dropped = _drop(chosen, drawing, place, space[1])
        d_values = _multiply(dropped.T, given, length, space[2])
        _give(d_values, first, length, column + 2 * width, size, d_fused)
        values = _take(fused, first, length, column + 2 * width, size, _ONE, space[1])
        d_dropped = _multiply(given, _turned(values, space[2]), deep, space[3])
        d_scores = _drop(d_dropped, drawing, place, space[1])
        _softmax_backward(chosen, d_scores, scale)
        keys = _take(fused, first, length, column + width, size, _ONE, space[0])
        _give(_multiply(d_scores, keys, length, space[2]), first, length, column, size, d_fused)
        queries = _take(fused, first, length, column, size, _ONE, space[0])
        d_keys = _multiply(d_scores.T, queries, length, space[2])
        _give(d_keys, first, length, column + width, size, d_fused)


@compiled_for_vectors
def _weights(fused, first, length, column, size, hidden, causal, space):  # type: ignore[no-untyped-def]
    """The softmax of a head of a row, (P, P)."""
    width, scale = fused.shape[1] // 3, _LOG2_E / np.sqrt(np.float32(size))
    queries = _take(fused, first, length, column, size, scale, space[0])
    keys = _take(fused, first, length, column + width, size, _ONE, space[1])
    scores = _multiply(queries, _turned(keys, space[2]), _rounded(size), space[_CHOSEN])
    if len(hidden):
        _hide(scores, hidden[first : first + length])
    _normalize(scores, length, causal)
    return scores


@compiled_for_vectors
def _rounded(length):  # type: ignore[no-untyped-def]
    return (length + LANES - 1) // LANES * LANES


@compiled_for_vectors
def _space(lengths, size):  # type: ignore[no-untyped-def]
    """Room for matrices of any row: (P, P), (P, E) and (E, P)."""
    longest = _rounded(lengths.max())
    return np.empty((_CHOSEN + 1, longest * max(longest, _rounded(size))), np.float32)


@compiled_for_vectors
def _take(rows, first, length, column, size, factor, space):  # type: ignore[no-untyped-def]
    """D columns of a row's tokens, times ``factor``: (P, E), 0 behind them."""
    widest_vectors()
    side, deep = _rounded(length), _rounded(size)
    matrix = space[: side * deep].reshape(side, deep)
    for t in range(length):
        source, into = rows[first + t, column : column + size], matrix[t]
        for d in range(size):
            into[d] = as_float(source[d]) * factor
        into[size:] = _ZERO
    matrix[length:] = _ZERO
    return matrix


@compiled_for_vectors
def _give(matrix, first, length, column, size, rows):  # type: ignore[no-untyped-def]
    """(P, E) to D columns of the row's tokens."""
    widest_vectors()
    for t in range(length):
        source, into = matrix[t], rows[first + t, column : column + size]
        for d in range(size):
            into[d] = as_in(source[d], into)


@compiled_for_vectors
def _turned(matrix, space):  # type: ignore[no-untyped-def]
    """(P, E) -> (E, P)."""
    rows, columns = matrix.shape
    turn_columns(matrix.reshape(-1), rows, columns, 0, columns, space)
    return space[: matrix.size].reshape(columns, rows)


@compiled_for_vectors
def _multiply(a, b, depth, space):  # type: ignore[no-untyped-def]
    """a b, by the first ``depth`` columns of a and rows of b; a may be transposed."""
    rows, columns = a.shape[0], b.shape[1]
    step, after = a.strides[0] // _BYTES, a.strides[1] // _BYTES
    multiply(a, 0, step, after, b, 0, columns, space, 0, columns, rows, columns, depth)
    return space[: rows * columns].reshape(rows, columns)


@compiled_for_vectors
def _hide(scores, hidden):  # type: ignore[no-untyped-def]
    """Scores are exponents of two."""
    widest_vectors()
    for t in range(len(hidden)):
        row = scores[t]
        for k in range(len(hidden)):
            row[k] += hidden[k] * _LOG2_E


@compiled_for_vectors
def _normalize(scores, length, causal):  # type: ignore[no-untyped-def]
    """Scores to weights, 0 for what is not seen; rows behind ``length`` are 0 already."""
    widest_vectors()
    side = scores.shape[1]
    for t in range(length):
        seen = t + 1 if causal else length
        softmax(scores, t * side, seen)
        scores[t, _rounded(seen) :] = _ZERO


@compiled_for_vectors
def _drop(square, drawing, place, space):  # type: ignore[no-untyped-def]
    """What is left of (P, P); the matrix itself where nothing is dropped."""
    key, kept, factor = drawing
    if factor == _ONE:
        return square
    dropped = space[: square.size]
    drop(square.reshape(-1), dropped, key_behind(key, place), kept, factor)
    return dropped.reshape(square.shape)


@compiled_for_vectors
def _softmax_backward(weights, gradients, scale):  # type: ignore[no-untyped-def]
    widest_vectors()
    for t in range(len(weights)):
        chosen, row = weights[t], gradients[t]
        total = _ZERO
        for k in range(len(row)):
            total += chosen[k] * row[k]
        for k in range(len(row)):
            row[k] = chosen[k] * (row[k] - total) * scale
