"""One decorator for the numba kernels of this room."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

Kernel = Callable[..., Any]

_MARK = b"\n@compiled\n"


def compiled(function: Kernel) -> Kernel:
    """``function`` as machine code that runs without the interpreter lock.

    The code is kept on disk beside the source, or in the user's cache folder. Where neither can be written
    (a read-only installation without a home directory) it is compiled anew in every process. The kept code is
    renewed when any file with kernels changes, since kernels are compiled into those that call them.
    """
    try:
        kernel: Any = numba.njit(function, nogil=True, cache=True)
        # Numba looks at the file of the kernel alone: its time and size are the stamp that this widens.
        file = kernel._cache._cache_file
        file._source_stamp = (file._source_stamp, kernels_digest())
    except (RuntimeError, AttributeError):  # no folder for the cache, or a numba that keeps it otherwise
        kernel = numba.njit(function, nogil=True)
    return kernel  # type: ignore[no-any-return]


@cache
def kernels_digest(folder: Path = Path(__file__).parent) -> str:
    """SHA-256 of the files in ``folder`` that hold kernels."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        if _MARK in source:
            digest.update(source)
    return digest.hexdigest()
