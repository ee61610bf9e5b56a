"""Dropout that is quick on a CPU.

PyTorch draws one random number an element there, which takes longer than the matrix products around it. Here
one 64-bit number decides four elements, and a compiled kernel draws and drops in one pass over memory
(:mod:`~bertwright.model.dropout_kernel`). What was dropped is drawn again for the gradient, not kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bertwright.execution.threads import worthwhile_threads
from bertwright.model.host_tensors import is_on_host, numbers_of

_STEPS = 1 << 16
"""A probability is rounded to a multiple of 1 / 65,536; kept values are scaled by what it then really is."""

_LEAST = 1 << 19
"""Numbers for which another thread does not cost more than it does."""


class Dropout(nn.Module):
    """In training, each element is 0 with ``probability`` and else divided by 1 - ``probability``."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape and dtype."""
        return dropout(x, self.probability if self.training else 0.0)

    def extra_repr(self) -> str:
        return f"probability={self.probability}"


def dropout(x: Tensor, probability: float) -> Tensor:
    """``x``, any shape, each element 0 with ``probability`` and else divided by 1 - ``probability``."""
    if probability == 0:
        return x
    if not is_on_host(x):
        return F.dropout(x, probability)
    dropped: Tensor = _HostDropout.apply(x, probability)  # type: ignore[no-untyped-call]
    return dropped


class Drawing(NamedTuple):
    """Which elements are dropped, as often as it is asked."""

    key: int
    """64 bits; everything random is a function of it and an element's place."""
    kept: int
    """Share that is kept, of 65,536."""

    @classmethod
    def new(cls, probability: float) -> Drawing:
        """By PyTorch's generator for CPUs."""
        key = int(torch.empty((), dtype=torch.int64).random_(-(2**63), None))
        return cls(key & (2**64 - 1), _STEPS - round(probability * _STEPS))

    @property
    def factor(self) -> float:
        """What kept elements are multiplied by: 1 / (share that is kept)."""
        return _STEPS / max(self.kept, 1)

    @property
    def numbers(self) -> tuple[np.uint64, np.int32, np.float32]:
        """Key, share that is kept, and factor, as kernels take them."""
        return np.uint64(self.key), np.int32(self.kept), np.float32(self.factor)

    def apply(self, x: Tensor) -> Tensor:
        """``x * factor`` where it is kept, else 0: a new, contiguous tensor, on the CPU."""
        dense = x.detach().contiguous()
        if dense.dtype in (torch.float32, torch.bfloat16):
            return self._dropped(dense, self.factor)
        kept = self._dropped(torch.ones(dense.shape, dtype=torch.float32), 1) > 0
        return torch.where(kept, dense * self.factor, 0)

    def _dropped(self, dense: Tensor, factor: float) -> Tensor:
        from bertwright.model import dropout_kernel as kernel  # compiled, which only training waits for

        out = torch.empty_like(dense)
        given, taken = (numbers_of(tensor.view(-1)) for tensor in (dense, out))
        drawing = (*self.numbers[:2], np.float32(factor))
        kernel.drop_in_team((given, taken, drawing), worthwhile_threads(dense.numel(), _LEAST))
        return out


KEEPING_ALL = Drawing(0, _STEPS)


class _HostDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float) -> Tensor:
        ctx.drawing = Drawing.new(probability)
        return ctx.drawing.apply(x)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.drawing.apply(gradients[0]), None
