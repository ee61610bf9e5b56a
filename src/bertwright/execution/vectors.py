"""Sixteen numbers at once: what a kernel cannot say in Python, as instructions of LLVM.

All work on flat float32 arrays and places in them. LLVM splits vectors of sixteen where a processor has
shorter ones. Nothing is checked: who calls keeps within the arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bertwright.execution.compilation import compiled, compiled_for_vectors
from bertwright.execution.instructions import widest_vectors
from bertwright.execution.powers import EXPONENT_BIAS, EXPONENT_BITS, LEAST, SERIES
from bertwright.execution.team import in_team, span

LANES = 16
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_VECTOR, _WHOLE = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_HIDDEN = -1e30  # in place of the score of a position behind the row


def _product_tile(vectors: int, rows: int = 8) -> Callable[..., None]:
    """Makes ``tile(a, a_at, a_step, a_next, b, b_at, b_step, c, c_at, c_step, depth)``.

    c = a b for ``rows`` rows and ``vectors`` times sixteen columns, whose sums stay in registers; row r of a
    matrix begins at its place + r times its step, ``a_next`` lies between the columns of a (so that a may be
    transposed), ``depth`` is their number, at least 1.
    """

    def tile(_context, a, a_at, a_step, a_next, b, b_at, b_step, c, c_at, c_step, depth):  # type: ignore[no-untyped-def]
        def emit(context, builder, signature, given):  # type: ignore[no-untyped-def]
            left, right, result = (_pointer(context, builder, signature, given, n) for n in (0, 4, 7))
            multiply_add = _function(builder, "llvm.fmuladd.v16f32", _VECTOR, [_VECTOR] * 3)

            def step(at: Any, sums: Sequence[Any]) -> list[Any]:
                columns = builder.gep(right, [builder.mul(at, given[6])])
                factors = [_load(builder, columns, 16 * n) for n in range(vectors)]
                column, found = builder.mul(at, given[3]), []
                for row in range(rows):
                    place = builder.add(builder.mul(given[2], given[2].type(row)), column)
                    one = _spread(builder, builder.load(builder.gep(left, [place])))
                    found += [
                        builder.call(multiply_add, [one, factors[n], sums[row * vectors + n]])
                        for n in range(vectors)
                    ]
                return found

            sums = _loop(builder, given[10], 1, [_splat(0.0)] * (rows * vectors), step)
            for row in range(rows):
                place = builder.gep(result, [builder.mul(given[9], given[9].type(row))])
                for n in range(vectors):
                    _store(builder, sums[row * vectors + n], place, 16 * n)
            return context.get_dummy_value()

        at = types.intp
        return types.void(a, at, at, at, b, at, at, c, at, at, at), emit

    kernel: Callable[..., None] = intrinsic(tile)
    return kernel


TILE_ROWS = 8
_product_of_16 = _product_tile(1, TILE_ROWS)
_product_of_32 = _product_tile(2, TILE_ROWS)


@compiled_for_vectors
def multiply(a, a_at, a_step, a_next, b, b_at, b_step, c, c_at, c_step, rows, columns, depth):  # type: ignore[no-untyped-def]
    """c = a b, (rows, depth) by (depth, columns); row r of a matrix begins at its place + r times its step.

    Args:
        a_next: what lies between the columns of a: 1, or its step where a is transposed, which then is 1.
        rows: a multiple of :data:`TILE_ROWS`.
        columns: a multiple of :data:`LANES`.
        depth: at least 1.
    """
    widest_vectors()
    for r in range(0, rows, TILE_ROWS):
        left, into = a_at + r * a_step, c_at + r * c_step
        for k in range(0, columns - LANES, 2 * LANES):
            _product_of_32(a, left, a_step, a_next, b, b_at + k, b_step, c, into + k, c_step, depth)
        if columns & LANES:
            k = columns - LANES
            _product_of_16(a, left, a_step, a_next, b, b_at + k, b_step, c, into + k, c_step, depth)


@intrinsic
def turn(_context, a, a_at, a_step, b, b_at, b_step):  # type: ignore[no-untyped-def]
    """Sixteen rows and columns of ``a``, transposed, to ``b``."""

    def emit(context, builder, signature, given):  # type: ignore[no-untyped-def]
        source, target = (_pointer(context, builder, signature, given, n) for n in (0, 3))
        steps = [(given[n], [given[n].type(row) for row in range(LANES)]) for n in (2, 5)]
        from_rows, to_rows = ([builder.mul(step, row) for row in rows] for step, rows in steps)
        found = [_load(builder, builder.gep(source, [place]), 0) for place in from_rows]
        for side in (8, 4, 2, 1):  # blocks of side x side change places, then those inside them
            low = ir.Constant(_WHOLE, [n if not n & side else LANES + n - side for n in range(LANES)])
            high = ir.Constant(_WHOLE, [n + side if not n & side else LANES + n for n in range(LANES)])
            for row in range(LANES):
                if not row & side:
                    x, y = found[row], found[row | side]
                    found[row] = builder.shuffle_vector(x, y, low)
                    found[row | side] = builder.shuffle_vector(x, y, high)
        for place, vector in zip(to_rows, found, strict=True):
            _store(builder, vector, builder.gep(target, [place]), 0)
        return context.get_dummy_value()

    at = types.intp
    return types.void(a, at, at, b, at, at), emit


@compiled
def turn_in_team(arguments, parts):  # type: ignore[no-untyped-def]
    """:func:`turn_share` of all parts."""
    in_team(turn_share, arguments, parts)


@compiled_for_vectors
def turn_share(a, rows, columns, b, share):  # type: ignore[no-untyped-def]
    """:func:`turn_columns` for a part of the columns."""
    begin, end = span(columns, LANES, share)
    turn_columns(a, rows, columns, begin, end, b)


@compiled_for_vectors
def turn_columns(a, rows, columns, begin, end, b):  # type: ignore[no-untyped-def]
    """Columns ``begin`` to ``end`` of ``a`` (rows, columns) become rows of ``b`` (columns, rows)."""
    widest_vectors()
    whole_rows, whole_end = rows - rows % LANES, end - (end - begin) % LANES
    for column in range(begin, whole_end, LANES):
        for row in range(0, whole_rows, LANES):
            turn(a, row * columns + column, columns, b, column * rows + row, rows)
    for column in range(begin, end):
        for row in range(whole_rows if column < whole_end else 0, rows):
            b[column * rows + row] = a[row * columns + column]


@intrinsic
def softmax(_context, scores, start, length):  # type: ignore[no-untyped-def]
    """2**x over their sum, in place, for ``length`` numbers (1 or more) from ``start`` on.

    Behind them, up to a multiple of sixteen, is 0 then.
    """

    def emit(context, builder, signature, given):  # type: ignore[no-untyped-def]
        base, length = _pointer(context, builder, signature, given, 0), given[2]
        multiply_add = _function(builder, "llvm.fmuladd.v16f32", _VECTOR, [_VECTOR] * 3)
        floor = _function(builder, "llvm.floor.v16f32", _VECTOR, [_VECTOR])
        largest = _function(builder, "llvm.vector.reduce.fmax.v16f32", _FLOAT, [_VECTOR])
        total = _function(builder, "llvm.vector.reduce.fadd.v16f32", _FLOAT, [_FLOAT, _VECTOR])
        behind = _spread(builder, builder.trunc(length, _INT))

        def inside(at: Any) -> Any:
            places = builder.add(
                ir.Constant(_WHOLE, list(range(LANES))), _spread(builder, builder.trunc(at, _INT))
            )
            return builder.icmp_signed("<", places, behind)

        def higher(at: Any, best: Sequence[Any]) -> list[Any]:
            x = _load(builder, builder.gep(base, [at]), 0)
            x = builder.select(inside(at), x, _splat(_HIDDEN))
            return [builder.select(builder.fcmp_ordered(">", x, best[0]), x, best[0])]

        def powers(at: Any, sums: Sequence[Any]) -> list[Any]:
            place = builder.gep(base, [at])
            x = builder.fsub(_load(builder, place, 0), peak)
            normal = builder.fcmp_unordered(">", x, _splat(LEAST))  # what is less becomes 0
            x = builder.select(normal, x, _splat(LEAST))
            whole = builder.call(floor, [builder.fadd(x, _splat(0.5))])
            rest, power = builder.fsub(x, whole), _splat(SERIES[-1])
            for factor in SERIES[-2::-1]:
                power = builder.call(multiply_add, [power, rest, _splat(factor)])
            bits = builder.add(builder.fptosi(whole, _WHOLE), ir.Constant(_WHOLE, [EXPONENT_BIAS] * LANES))
            bits = builder.shl(bits, ir.Constant(_WHOLE, [EXPONENT_BITS] * LANES))
            power = builder.fmul(power, builder.bitcast(bits, _VECTOR))
            power = builder.select(builder.and_(inside(at), normal), power, _splat(0.0))
            _store(builder, power, place, 0)
            return [builder.fadd(sums[0], power)]

        def shares(at: Any, _: Sequence[Any]) -> list[Any]:
            place = builder.gep(base, [at])
            _store(builder, builder.fmul(_load(builder, place, 0), share), place, 0)
            return []

        (best,) = _loop(builder, length, LANES, [_splat(_HIDDEN)], higher)
        peak = _spread(builder, builder.call(largest, [best]))
        (sums,) = _loop(builder, length, LANES, [_splat(0.0)], powers)
        whole = builder.call(total, [_FLOAT(-0.0), sums], fastmath=("reassoc",))
        share = _spread(builder, builder.fdiv(_FLOAT(1.0), whole))
        _loop(builder, length, LANES, [], shares)
        return context.get_dummy_value()

    return types.void(scores, types.intp, types.intp), emit


def _loop(
    builder: Any, end: Any, step: int, first: Sequence[Any], body: Callable[..., list[Any]]
) -> list[Any]:
    """``values = body(at, values)`` for ``at`` from 0 in steps below ``end``, which is more than 0."""
    before, inner = builder.block, builder.append_basic_block("loop")
    after = builder.append_basic_block("after")
    builder.branch(inner)
    builder.position_at_end(inner)
    at, values = builder.phi(end.type), [builder.phi(value.type) for value in first]
    found = body(at, values)
    following = builder.add(at, end.type(step))
    for phi, start, later in ((at, end.type(0), following), *zip(values, first, found, strict=True)):
        phi.add_incoming(start, before)
        phi.add_incoming(later, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, end), inner, after)
    builder.position_at_end(after)
    return found


def _pointer(context: Any, builder: Any, signature: Any, given: Sequence[Any], number: int) -> Any:
    """To the place (argument ``number`` + 1) in the array that is argument ``number``."""
    array = cgutils.create_struct_proxy(signature.args[number])(context, builder, given[number])
    return builder.gep(array.data, [given[number + 1]])


def _function(builder: Any, name: str, result: Any, arguments: Sequence[Any]) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


def _load(builder: Any, place: Any, offset: int) -> Any:
    place = builder.gep(place, [ir.IntType(64)(offset)])
    vector = builder.load(builder.bitcast(place, _VECTOR.as_pointer()))
    vector.align = 4
    return vector


def _store(builder: Any, vector: Any, place: Any, offset: int) -> None:
    place = builder.gep(place, [ir.IntType(64)(offset)])
    builder.store(vector, builder.bitcast(place, _VECTOR.as_pointer())).align = 4


def _spread(builder: Any, number: Any) -> Any:
    """``number`` in all sixteen places."""
    unknown = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(unknown, number, _INT(0))
    return builder.shuffle_vector(first, unknown, ir.Constant(_WHOLE, [0] * LANES))


def _splat(number: float) -> Any:
    return ir.Constant(_VECTOR, [number] * LANES)
