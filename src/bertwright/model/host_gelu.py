"""GELU in training on a CPU: its slope is computed beside it, and is all that is kept for the gradient.

PyTorch computes the exponential again for the gradient and, by the formula with tanh, a number at a time.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from bertwright.execution.threads import worthwhile_threads
from bertwright.model.host_tensors import is_on_host, numbers_of

Approximation = Literal["none", "tanh"]
"""By the normal distribution itself, or by the formula with tanh."""

_WORTHWHILE = 1 << 14
"""Numbers below which PyTorch's own operators do as well."""
_LEAST = 1 << 17
"""Numbers for which another thread does not cost more than it does."""


def is_for_host_gelu(x: Tensor) -> bool:
    """Whether a gradient will be asked for that :func:`host_gelu` makes faster."""
    return (
        is_on_host(x)
        and torch.is_grad_enabled()
        and x.requires_grad
        and x.dtype in (torch.float32, torch.bfloat16)
        and x.numel() >= _WORTHWHILE
    )


def host_gelu(x: Tensor, approximate: Approximation) -> Tensor:
    """As :func:`torch.nn.functional.gelu`: any shape, float32 or bf16, on the CPU; not for gradients of
    gradients."""
    result: Tensor = _HostGelu.apply(x, approximate)  # type: ignore[no-untyped-call]
    return result


class _HostGelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, approximate: Approximation) -> Tensor:
        from bertwright.model.gelu_kernel import gelu_in_team  # compiled, which only training waits for

        dense = x.detach().contiguous()
        result, slopes = torch.empty_like(dense), torch.empty_like(dense)
        given, *taken = (numbers_of(tensor.view(-1)) for tensor in (dense, result, slopes))
        parts = worthwhile_threads(dense.numel(), _LEAST)
        gelu_in_team((given, approximate == "tanh", *taken), parts)
        ctx.save_for_backward(slopes)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return gradients[0] * slopes, None
