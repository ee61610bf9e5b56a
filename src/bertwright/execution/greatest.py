"""The greatest of some numbers, for the kernels of all rooms."""

from __future__ import annotations

import numpy as np

from bertwright.execution.compilation import compiled_for_vectors
from bertwright.execution.instructions import as_float, bits_of_float, float_of_bits

_SIGN, _REST = np.int32(31), np.int32(0x7FFFFFFF)


@compiled_for_vectors
def greatest(numbers):  # type: ignore[no-untyped-def]
    """Of (n,) float32, or bf16 as int16, n > 0; of NaN among them a positive one is, a negative one is not.

    Compared as whole numbers in the same order, of which LLVM makes vectors; of floats it must not, as NaN
    is neither greater nor less.
    """
    top = _ordered(as_float(numbers[0]))
    for i in range(len(numbers)):
        number = _ordered(as_float(numbers[i]))
        top = number if number > top else top
    return float_of_bits(_turned(top))


@compiled_for_vectors
def _ordered(number):  # type: ignore[no-untyped-def]
    return _turned(bits_of_float(number))


@compiled_for_vectors
def _turned(bits):  # type: ignore[no-untyped-def]
    """All bits but the sign turned round where that is set; twice, as before."""
    return bits ^ ((bits >> _SIGN) & _REST)
