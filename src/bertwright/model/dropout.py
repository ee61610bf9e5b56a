"""Dropout that draws its masks quickly on a CPU.

PyTorch draws one random number an element there, which takes longer than the matrix products around it (48 ms
for 4 million elements on one core). Here one 64-bit number decides four elements, 16 bits each, and a mask is
all ones or all zeros in every bit, so that applying it is one bitwise AND (5 ms in all).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STEPS = 1 << 15
"""A probability is rounded to a multiple of 1 / 32,768; kept values are scaled by what it then really is."""

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class Dropout(nn.Module):
    """In training, each element is 0 with ``probability`` and else divided by 1 - ``probability``."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape and dtype."""
        if not self.training or self.probability == 0:
            return x
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return F.dropout(x, self.probability)
        dropped: Tensor = _HostDropout.apply(x, self.probability)  # type: ignore[no-untyped-call]
        return dropped

    def extra_repr(self) -> str:
        return f"probability={self.probability}"


def keep_mask(shape: torch.Size, probability: float) -> tuple[Tensor, float]:
    """A random mask from PyTorch's CPU generator, and what kept values are to be multiplied by.

    Returns:
        int16 of ``shape``, -1 (all bits set) to keep and 0 to drop; the factor 1 / (share that is kept).
    """
    count = shape.numel()
    lanes = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = lanes.view(torch.int16)[:count].view(shape)
    kept = _STEPS - round(probability * _STEPS)
    # 15 random bits are in [-16384, 16384); minus a threshold, the sign says "keep"; spread it over all bits
    bits.bitwise_right_shift_(1).sub_(kept - _STEPS // 2).bitwise_right_shift_(15)
    return bits, _STEPS / max(kept, 1)


def apply_mask(x: Tensor, mask: Tensor, factor: float) -> Tensor:
    """``x * factor`` where ``mask`` is -1, 0 where it is 0; a new tensor."""
    integers = _INTEGERS[x.element_size()]
    return x.view(integers).bitwise_and(mask.to(integers)).view(x.dtype).mul_(factor)


class _HostDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float) -> Tensor:
        mask, ctx.factor = keep_mask(x.shape, probability)
        ctx.save_for_backward(mask)
        return apply_mask(x, mask, ctx.factor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return apply_mask(gradients[0], mask, ctx.factor), None
