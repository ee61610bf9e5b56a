"""Single instructions that a numba kernel cannot say in Python."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)


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
    """The int32 that holds the bits of the float32 ``number``."""

    def emit(_, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], _INT)

    return types.int32(types.float32), emit
