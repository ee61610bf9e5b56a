"""One decorator for the numba kernels of all rooms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

Kernel = Callable[..., Any]

_MARK = re.compile(rb"^@(compiled|intrinsic)", re.MULTILINE)
_REASSOCIATED = {"reassoc", "contract", "arcp", "nsz"}
"""What LLVM may do to sums so that they run in vectors; numbers that are not finite stay what they are."""


def compiled(function: Kernel) -> Kernel:
    """``function`` as machine code that runs without the interpreter lock.

    The code is kept on disk beside the source, or in the user's cache folder. Where neither can be written
    (a read-only installation without a home directory) it is compiled anew in every process. The kept code is
    renewed when any file with kernels in its folder or in this one changes, since kernels are compiled into
    those that call them.
    """
    return _compiled(function)


def compiled_for_vectors(function: Kernel) -> Kernel:
    """As :func:`compiled`, for kernels of float32: sums may be taken in any order, which is then always the
    same, and a division by zero gives infinity."""
    return _compiled(function, fastmath=_REASSOCIATED, error_model="numpy")


def _compiled(function: Kernel, **options: Any) -> Kernel:
    try:
        kernel: Any = numba.njit(function, nogil=True, cache=True, **options)
        # Numba looks at the file of the kernel alone: its time and size are the stamp that this widens.
        file = kernel._cache._cache_file
        folders = Path(function.__code__.co_filename).parent, Path(__file__).parent
        file._source_stamp = (file._source_stamp, *map(kernels_digest, folders))
    except (RuntimeError, AttributeError):  # no folder for the cache, or a numba that keeps it otherwise
        kernel = numba.njit(function, nogil=True, **options)
    return kernel  # type: ignore[no-any-return]


@cache
def kernels_digest(folder: Path) -> str:
    """SHA-256 of the files in ``folder`` that hold kernels."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        if _MARK.search(source):
            digest.update(source)
    return digest.hexdigest()
