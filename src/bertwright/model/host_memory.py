"""What the system is told about memory: freed blocks are kept, new ones are taken whole."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from torch import Tensor

_TRIM_THRESHOLD = -1  # M_TRIM_THRESHOLD
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD
_LARGEST = 1 << 30
_NEVER = -1
_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE, Linux 5.14


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed blocks below 1 GiB for later requests instead of giving them back.

    A step of BERT allocates and frees the same large tensors again and again; given back, each costs a page
    fault for every 4 KiB when it is next written, about a fifth of a step's time on a CPU. The process then
    stays at its largest size. Affects the whole process; call it once before training.

    Returns:
        Whether the C library could be told (glibc).
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
    return False


def claim(block: Tensor) -> None:
    """Have the pages of a new block on the CPU ready, in one call, before it is filled.

    Otherwise each page of 4 KiB is a fault of its own when it is first written, which costs more than what is
    then written into it. Nothing else changes; where the system cannot be asked, nothing happens.
    """
    advise = _advice()
    if advise is None:
        return
    begin, size = block.data_ptr(), block.numel() * block.element_size()
    first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
    whole = (begin + size - first) // mmap.PAGESIZE * mmap.PAGESIZE
    if whole > 0:
        advise(first, whole, _POPULATE_WRITE)


@cache
def _advice() -> Callable[[int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    with suppress(OSError, AttributeError):
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        return advise
    return None
