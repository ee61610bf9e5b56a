"""Softmax over a large vocabulary and its gradient, one pass over memory each.

Logits are float32, or bf16 as the int16 with the same bits.

Axes: P positions, V classes.
"""

from __future__ import annotations

import math

import numpy as np

from bertwright.execution.compilation import compiled, compiled_for_vectors
from bertwright.execution.greatest import greatest
from bertwright.execution.instructions import as_float, as_in, widest_vectors
from bertwright.execution.powers import power_of_two
from bertwright.execution.team import in_team, span

_LOG2_E, _ZERO, _ONE = (np.float32(number) for number in (math.log2(math.e), 0, 1))


@compiled
def normalizers_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`normalizers` of all parts."""
    in_team(normalizers, arguments, parts)


@compiled
def gradients_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`gradients` of all parts."""
    in_team(gradients, arguments, parts)


@compiled_for_vectors
def normalizers(logits, found, share):  # type: ignore[no-untyped-def]
    """log(sum(exp(row))) of (P, V), to float32 (P,), for a part of the rows."""
    for p in range(*span(len(logits), 1, share)):
        found[p] = _normalizer(logits[p])


@compiled_for_vectors
def gradients(logits, normalizers, labels, weights, result, share):  # type: ignore[no-untyped-def]
    """(softmax - 1 at the label) times the weight, of (P, V), to (P, V) of the same format, for a part of the
    rows; 0 where the label is below 0."""
    for p in range(*span(len(logits), 1, share)):
        if labels[p] < 0:
            result[p] = 0
            continue
        _gradient(logits[p], normalizers[p], labels[p], weights[p], result[p])


@compiled_for_vectors
def _normalizer(row):  # type: ignore[no-untyped-def]
    """What is no number must not get lost: NaN or infinite where there is one of them in ``row``."""
    widest_vectors()
    top = greatest(row)
    if np.isinf(top):
        return top
    total = _ZERO
    for i in range(len(row)):
        total += power_of_two((as_float(row[i]) - top) * _LOG2_E)
    return top + np.float32(math.log(total))


@compiled_for_vectors
def _gradient(row, normalizer, label, weight, result):  # type: ignore[no-untyped-def]
    widest_vectors()
    right = as_float(row[label])
    for i in range(len(row)):
        result[i] = as_in(power_of_two((as_float(row[i]) - normalizer) * _LOG2_E) * weight, result)
    result[label] = as_in((power_of_two((right - normalizer) * _LOG2_E) - _ONE) * weight, result)
