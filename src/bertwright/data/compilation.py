"""One decorator for the numba kernels of this room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

Kernel = Callable[..., Any]


def compiled(function: Kernel) -> Kernel:
    """``function`` as machine code that runs without the interpreter lock.

    The code is kept on disk beside the source, or in the user's cache folder. Where neither can be written
    (a read-only installation without a home directory) it is compiled anew in every process. The kept code is
    renewed when the file of the kernel changes, not when a kernel of another file that it calls does: after
    editing ``philox.py`` remove ``__pycache__``.
    """
    try:
        kernel: Kernel = numba.njit(function, nogil=True, cache=True)
    except RuntimeError:  # numba found no folder for its cache
        kernel = numba.njit(function, nogil=True)
    return kernel
