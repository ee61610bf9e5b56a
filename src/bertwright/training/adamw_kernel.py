"""AdamW in one pass over memory, with the bf16 copy of the weights that products use.

Arrays are flat, of n numbers each.
"""

from __future__ import annotations

import numpy as np

from bertwright.execution.compilation import compiled, compiled_for_vectors
from bertwright.execution.instructions import as_float, convert, widest_vectors
from bertwright.execution.team import in_team, span

_AT_ONCE = 1 << 10
"""Numbers for which a loop is done before the next one: what lies between them stays in the nearest cache."""


@compiled
def update_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`update` of all parts."""
    in_team(update, arguments, parts)


@compiled_for_vectors
def update(weights, copy, gradient, first, second, constants, share):  # type: ignore[no-untyped-def]
    """What :class:`~bertwright.training.adamw.AdamW` says, for a part of the numbers.

    Args:
        weights, first, second: float32.
        copy: the weights in bf16, as the int16 with the same bits.
        gradient: float32, or bf16 as int16.
        constants: float32: what the gradient is multiplied with; 1 - beta1 and 1 - beta2; what is left of the
            weights; lr / (1 - beta1^t); 1 / sqrt(1 - beta2^t); epsilon.
    """
    factor, new_first, new_second, left, rate, widening, epsilon = constants
    start, stop = span(len(weights), _AT_ONCE, share)
    for begin in range(start, stop, _AT_ONCE):
        end = min(begin + _AT_ONCE, stop)
        ours, m, v = weights[begin:end], first[begin:end], second[begin:end]
        _remember(gradient[begin:end], factor, new_first, new_second, m, v)
        _move(ours, m, v, left, rate, widening, epsilon)
        convert(ours, copy[begin:end])


@compiled_for_vectors
def _remember(gradient, factor, new_first, new_second, first, second):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(first)):
        g = as_float(gradient[i]) * factor
        first[i] += new_first * (g - first[i])
        second[i] += new_second * (g * g - second[i])


@compiled_for_vectors
def _move(weights, first, second, left, rate, widening, epsilon):  # type: ignore[no-untyped-def]
    widest_vectors()
    for i in range(len(weights)):
        weights[i] = weights[i] * left - rate * first[i] / (np.sqrt(second[i]) * widening + epsilon)
