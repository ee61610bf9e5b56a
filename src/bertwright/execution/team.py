"""PyTorch's own threads, for kernels of ours that come between its operators.

They look for more work for a while after an operator, so that any other thread would have to wait for a core
(docs/log.md). On Linux they are OpenMP's, whose entry points for compiled loops take any function.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

Work = Callable[[int], None]

_Entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_NAMES = ("GOMP_parallel_start", "GOMP_parallel_end", "omp_get_thread_num", "omp_get_num_threads")
_AS_ALWAYS = 0
"""Threads of a team: as many as PyTorch has. With fewer, OpenMP would end the others, and PyTorch's next
operator begin them anew."""


def work_together(work: Work, parts: int) -> None:
    """``work(part)`` for every part of ``range(parts)``, at one time where there are as many threads.

    Each thread takes Python's lock to begin and to end: where another thread of Python is busy, it waits.

    Raises:
        BaseException: the first that a part ends with; others may be done by then.
    """
    if parts == 1:
        work(0)
        return
    library = _openmp()
    if library is None:
        _by_helpers(work, parts)
    else:
        _by_openmp(library, work, parts)


def _by_openmp(library: Any, work: Work, parts: int) -> None:
    start, end, problems = library.GOMP_parallel_start, library.GOMP_parallel_end, list[BaseException]()

    def share() -> None:
        # fewer threads than parts where one is in a team already, or a limit says so
        for part in range(library.omp_get_thread_num(), parts, library.omp_get_num_threads()):
            work(part)

    def other_share(_: int | None) -> None:
        try:
            share()
        except BaseException as problem:  # what leaves this function is printed and lost
            problems.append(problem)

    entry = _Entry(other_share)
    try:
        start(entry, None, _AS_ALWAYS)  # the other threads begin; signals come in this one, which is at work
        share()
    finally:
        end()  # when all are done
    try:
        if problems:
            raise problems[0]
    finally:
        problems.clear()  # which would hold itself, by its traceback


def _by_helpers(work: Work, parts: int) -> None:
    others = [_helpers(os.getpid()).submit(work, part) for part in range(1, parts)]
    try:
        work(0)
    finally:
        for other in others:
            other.exception()  # waits
    for other in others:
        other.result()


@cache
def _helpers(_process: int) -> ThreadPoolExecutor:
    """Of this process: a fork has none of the threads of its parent (nor has PyTorch then)."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="span")


@cache
def _openmp() -> Any:
    """The OpenMP that PyTorch runs on, or None where it is of another kind."""
    import torch  # which brings it into the process

    if sys.platform != "linux" or "ATen parallel backend: OpenMP" not in torch.__config__.parallel_info():
        return None
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in _NAMES):
        return None
    library.GOMP_parallel_start.argtypes = (_Entry, ctypes.c_void_p, ctypes.c_uint)
    library.GOMP_parallel_start.restype = library.GOMP_parallel_end.restype = None
    return library
