"""What a numba kernel cannot say in Python: single instructions, and numbers of either format."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from bertwright.execution.compilation import compiled_for_vectors

_FLOAT, _INT, _HALF = ir.FloatType(), ir.IntType(32), ir.IntType(16)
_HIGH = 16
"""A bf16 is so many high bits of a float32."""


@intrinsic
def widest_vectors(_context):  # type: ignore[no-untyped-def]
    """Have this kernel's loops use the longest vectors; LLVM takes half of them where it is not told."""

    def emit(context, builder, _signature, _arguments):  # type: ignore[no-untyped-def]
        attributes = builder.function.attributes
        if isinstance(attributes, set):  # which refuses what it does not know, and writes out what it holds
            set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def float_of_bits(_context, bits):  # type: ignore[no-untyped-def]
    """The float32 that the int32 ``bits`` are."""

    def emit(_, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], _FLOAT)

    return types.float32(types.int32), emit


@intrinsic
def bits_of_float(_context, number):  # type: ignore[no-untyped-def]
    """The int32 with the bits of the float32 ``number``."""

    def emit(_, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], _INT)

    return types.int32(types.float32), emit


@intrinsic
def as_float(_context, number):  # type: ignore[no-untyped-def]
    """The float32 that ``number`` is, or, of an int16, that the bf16 with the same bits is."""
    if number == types.float32:
        return types.float32(number), lambda _, _builder, _signature, arguments: arguments[0]

    def emit(_, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        bits = builder.shl(builder.zext(arguments[0], _INT), _INT(_HIGH))
        return builder.bitcast(bits, _FLOAT)

    return types.float32(types.int16), emit


@intrinsic
def as_in(_context, number, array):  # type: ignore[no-untyped-def]
    """The float32 ``number`` as ``array`` has it: itself, or of int16 the nearest bf16, halves to even."""
    if array.dtype == types.float32:
        return types.float32(types.float32, array), lambda _, _builder, _signature, arguments: arguments[0]

    def emit(_, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        bits = builder.bitcast(arguments[0], _INT)
        odd = builder.and_(builder.lshr(bits, _INT(_HIGH)), _INT(1))
        rounded = builder.add(bits, builder.add(odd, _INT((1 << _HIGH - 1) - 1)))
        return builder.trunc(builder.lshr(rounded, _INT(_HIGH)), _HALF)

    return types.int16(types.float32, array), emit


@compiled_for_vectors
def convert(numbers, out):  # type: ignore[no-untyped-def]
    """``numbers`` (n,) as ``out`` (n,) has them, float32 or bf16 as int16 each."""
    widest_vectors()
    for i in range(len(out)):
        out[i] = as_in(as_float(numbers[i]), out)
