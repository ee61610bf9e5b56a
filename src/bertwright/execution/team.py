"""PyTorch's own threads, for kernels of ours that come between its operators.

They look for more work for a while after an operator, so that any other thread would have to wait for a core
(docs/log.md). On Linux they are OpenMP's, whose entry point for compiled loops runs any function.
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
_NAMES = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")


def work_together(work: Work, parts: int) -> None:
    """``work(part)`` for every part of ``range(parts)``, at one time where there are as many threads.

    Raises:
        BaseException: the first that a part ends with; others may be done by then.
    """
    library = _openmp()
    if library is None:
        _by_helpers(work, parts)
    else:
        _by_openmp(library, work, parts)


def _by_openmp(library: Any, work: Work, parts: int) -> None:
    problems: list[BaseException] = []

    def share(_: int | None) -> None:
        # fewer threads than parts where one is in a team already, or a limit says so
        for part in range(library.omp_get_thread_num(), parts, library.omp_get_num_threads()):
            try:
                work(part)
            except BaseException as problem:  # what leaves this function is printed and lost
                problems.append(problem)
                return

    library.GOMP_parallel(_Entry(share), None, parts, 0)
    if problems:
        raise problems[0]


def _by_helpers(work: Work, parts: int) -> None:
    others = [_helpers(os.getpid()).submit(work, part) for part in range(1, parts)]
    work(0)
    for other in others:
        other.result()


@cache
def _helpers(_process: int) -> ThreadPoolExecutor:
    """Of this process: a fork has none of the threads of its parent."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="span")


@cache
def _openmp() -> Any:
    """The OpenMP that PyTorch has brought into the process, or None where it is another kind."""
    import torch  # so that it is there

    if sys.platform != "linux" or "OpenMP" not in torch.__config__.parallel_info():
        return None
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in _NAMES):
        return None
    library.GOMP_parallel.argtypes = (_Entry, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    library.GOMP_parallel.restype = None
    return library
