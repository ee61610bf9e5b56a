"""Kernels on PyTorch's own threads, without a line of Python in them.

Those threads look for more work for a while after an operator, so that any others would have to wait for a
core, and one that has to take Python's lock first begins a tenth of a millisecond late (docs/log.md). On
Linux they are OpenMP's, whose entry point takes any machine code.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import torch  # which brings its threads into the process
from llvmlite import ir
from numba import cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic

from bertwright.execution.compilation import compiled

_SYMBOL = "bertwright_team"
_INT, _LONG, _ANY = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
_SHARE = ir.FunctionType(ir.VoidType(), [_ANY])
_START = ir.FunctionType(ir.VoidType(), [_SHARE.as_pointer(), _ANY, _INT, _INT])
_AS_ALWAYS = _INT(0)
"""Threads of a team: as many as PyTorch has. With fewer, OpenMP would end the others, and PyTorch's next
operator begin them anew."""
_ARGUMENTS, _PARTS, _NEXT, _FAILED = (_INT(field) for field in range(4))


@intrinsic
def in_team(typing_context, kernel, arguments, parts):  # type: ignore[no-untyped-def]
    """``kernel(*arguments, (part, parts))`` for every part of ``range(parts)``, at one time where there are
    as many threads; a thread that is done takes the next part.

    Raises:
        MemoryError: a part found no memory (nothing else goes wrong in a kernel).
    """
    signature = kernel.get_call_type(typing_context, (*arguments.types, types.UniTuple(types.intp, 2)), {})

    def emit(context, builder, _signature, given):  # type: ignore[no-untyped-def]
        code = kernel.dispatcher.overloads[signature.args]
        context.active_code_library.add_linking_library(code.library)
        work_type = ir.LiteralStructType([given[1].type, _LONG, _LONG, _INT])
        work = cgutils.alloca_once(builder, work_type)
        for field, value in enumerate((given[1], given[2], _LONG(0), _INT(0))):
            builder.store(value, _field(builder, work, _INT(field)))
        name = builder.module.get_unique_name(f"{builder.function.name}.share")
        share = ir.Function(builder.module, _SHARE, name=name)
        share.linkage = "internal"
        _emit_share(context, share, work_type, code.fndesc, signature)
        pointer = builder.bitcast(work, _ANY)
        with builder.if_else(builder.icmp_signed("<=", given[2], _LONG(1))) as (alone, together):
            with alone:
                builder.call(share, [pointer])
            with together:
                start = cgutils.get_or_insert_function(builder.module, _START, _SYMBOL)
                builder.call(start, [share, pointer, _AS_ALWAYS, _INT(0)])
        with builder.if_then(cgutils.is_not_null(builder, builder.load(_field(builder, work, _FAILED)))):
            context.call_conv.return_user_exc(builder, MemoryError, ("for a part of a kernel's work",))
        return context.get_dummy_value()

    return types.void(kernel, arguments, types.intp), emit


@compiled
def span(count, multiple, share):  # type: ignore[no-untyped-def]
    """Where the part of ``range(count)`` begins and ends that ``share`` names: at multiples of ``multiple``,
    or at the end of all."""
    part, parts = share
    blocks = -(-count // multiple)
    return (
        min(count, blocks * part // parts * multiple),
        min(count, blocks * (part + 1) // parts * multiple),
    )


def _emit_share(context: Any, share: Any, work_type: Any, descriptor: Any, signature: Any) -> None:
    """What each thread does: as long as there is a part, take it and do it."""
    builder = ir.IRBuilder(share.append_basic_block("entry"))
    work = builder.bitcast(share.args[0], work_type.as_pointer())
    arguments = builder.load(_field(builder, work, _ARGUMENTS))
    given = [builder.extract_value(arguments, place) for place in range(len(signature.args) - 1)]
    parts = builder.load(_field(builder, work, _PARTS))
    loop, body, failed, done = (
        builder.append_basic_block(name) for name in ("loop", "body", "failed", "done")
    )
    builder.branch(loop)
    builder.position_at_end(loop)
    part = builder.atomic_rmw("add", _field(builder, work, _NEXT), _LONG(1), "monotonic")
    builder.cbranch(builder.icmp_signed("<", part, parts), body, done)
    builder.position_at_end(body)
    which = cgutils.pack_array(builder, [part, parts])
    status, _ = context.call_internal_no_propagate(builder, descriptor, signature, [*given, which])
    builder.cbranch(status.is_error, failed, loop)
    builder.position_at_end(failed)
    builder.atomic_rmw("xchg", _field(builder, work, _FAILED), _INT(1), "monotonic")
    builder.branch(loop)
    builder.position_at_end(done)
    builder.ret_void()


def _field(builder: Any, work: Any, field: Any) -> Any:
    return builder.gep(work, [_INT(0), field], inbounds=True)


def runs_on_openmp() -> bool:
    """Whether PyTorch's threads are those of an OpenMP with this entry point."""
    if sys.platform != "linux" or "ATen parallel backend: OpenMP" not in torch.__config__.parallel_info():
        return False
    return hasattr(ctypes.CDLL(None), "GOMP_parallel")


def start_of_openmp() -> int:
    """The address of OpenMP's ``GOMP_parallel``, where :func:`runs_on_openmp`."""
    return ctypes.cast(ctypes.CDLL(None).GOMP_parallel, ctypes.c_void_p).value or 0


def start_alone() -> int:
    """The address of a function that stands in for it where there is none: this thread does all. (Threads of
    Python's would need Python in this one, in the middle of a kernel, where an interrupt is lost.)"""
    return int(_alone().address)


def begin_with(address: int) -> None:
    """Have teams begun by the function at ``address``, in code that is loaded from now on."""
    llvm.add_symbol(_SYMBOL, address)


@intrinsic
def _call(_context, function, argument):  # type: ignore[no-untyped-def]
    """Call the :data:`_SHARE` at the address ``function``."""

    def emit(context, builder, _signature, given):  # type: ignore[no-untyped-def]
        builder.call(builder.inttoptr(given[0], _SHARE.as_pointer()), [builder.inttoptr(given[1], _ANY)])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), emit


@cache
def _alone() -> Any:
    def start(share, work, _threads, _flags):  # type: ignore[no-untyped-def]
        _call(share, work)

    return cfunc(types.void(types.intp, types.intp, types.uint32, types.uint32))(start)


begin_with(start_of_openmp() if runs_on_openmp() else start_alone())
