"""Tensors that the kernels for a CPU can take."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def is_on_host(x: Tensor) -> bool:
    """Whether ``x`` is on the CPU, and not in compiled code.

    Elsewhere there are no kernels of ours, and a question about values would be waited for.
    """
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def numbers_of(dense: Tensor) -> NDArray[Any]:
    """The same memory, for a kernel; 16-bit floats as the int16 with the same bits (NumPy has no bf16)."""
    seen = dense.view(torch.int16) if dense.element_size() == 2 else dense
    numbers: NDArray[Any] = seen.numpy()
    return numbers
