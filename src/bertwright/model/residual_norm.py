"""What ends a sub-layer: LayerNorm(x + dropout(m)), on a CPU in one pass over memory in training.

Axes: T tokens (on however many axes), H hidden size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bertwright.execution.threads import worthwhile_threads
from bertwright.model.dropout import Drawing, dropout
from bertwright.model.host_tensors import is_on_host, numbers_of

_LEAST = 1 << 16
"""Numbers for which another thread does not cost more than it does."""


class ResidualNorm(nn.LayerNorm):
    """LayerNorm(x + dropout(m)), with weights as :class:`torch.nn.LayerNorm` has them.

    Args:
        width: H.
        eps: added to the variance.
        probability: of an element of m being dropped in training.
    """

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(self, width: int, eps: float, probability: float) -> None:
        super().__init__(width, eps=eps)
        self.probability = probability

    def forward(self, hidden: Tensor, mixed: Tensor) -> Tensor:  # type: ignore[override]
        """(..., H) and (..., H) -> (..., H), in the precision of ``hidden``."""
        return self.in_both(hidden, mixed)[0]

    def in_both(self, hidden: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`forward`, and the same for matrix products: in the precision of ``mixed``, if that came
        without a pass over memory."""
        probability = self.probability if self.training else 0.0
        if probability and _is_for_kernel(hidden, mixed, self.weight):
            drawing = Drawing.new(probability)
            exact, rounded = _Joined.apply(hidden, mixed, self.weight, self.bias, drawing, self.eps)  # type: ignore[no-untyped-call]
            return exact, exact if mixed.dtype == hidden.dtype else rounded
        normed: Tensor = super().forward(hidden + dropout(mixed, probability))
        return normed, normed

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, probability={self.probability}"


def _is_for_kernel(hidden: Tensor, mixed: Tensor, weight: Tensor) -> bool:
    if not is_on_host(hidden):
        return False
    from bertwright.model.dropout_kernel import LANES  # compiled, which only training waits for

    return (
        torch.is_grad_enabled()
        and (mixed.requires_grad or hidden.requires_grad)
        and hidden.dtype == weight.dtype == torch.float32
        and mixed.dtype in (torch.float32, torch.bfloat16)
        and hidden.shape == mixed.shape
        and hidden.shape[-1] % LANES == 0  # a row begins with a random number of its own
        and hidden.numel() > 0
    )


class _Joined(torch.autograd.Function):
    """Gives the result, and the same in bf16 where m is (else nothing is in it)."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, mixed: Tensor, weight: Tensor, bias: Tensor, drawing: Drawing, eps: float
    ) -> tuple[Tensor, Tensor]:
        from bertwright.model.residual_kernel import join_in_team  # compiled, which only training waits for

        width = hidden.shape[-1]
        x, m = (tensor.detach().reshape(-1, width).contiguous() for tensor in (hidden, mixed))
        both = m.dtype == torch.bfloat16
        # What is returned is no view of anything, or FSDP warns of it.
        result, rounded = x.new_empty(hidden.shape), m.new_empty(hidden.shape if both else (0, width))
        moments = x.new_empty(len(x), 2)
        norm = torch.stack((weight.detach(), bias.detach()))  # NumPy would pin the storage that FSDP gives up
        given = numbers_of(x), numbers_of(m), drawing.numbers, (*numbers_of(norm), np.float32(eps))
        taken = tuple(map(numbers_of, (result.view(-1, width), rounded.view(-1, width), moments)))
        parts = worthwhile_threads(x.numel(), _LEAST)
        join_in_team((*given, taken), parts)
        ctx.save_for_backward(x, m, norm, moments)
        ctx.drawn, ctx.parts, ctx.shape = drawing.numbers, parts, hidden.shape
        ctx.set_materialize_grads(False)
        return result, rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        from bertwright.model.residual_kernel import join_backward_in_team

        if all(gradient is None for gradient in gradients):
            return (None,) * 6
        x, m, norm, moments = ctx.saved_tensors
        width = x.shape[1]
        given = (
            like.new_empty(0, width) if gradient is None else gradient.reshape(-1, width).contiguous()
            for gradient, like in zip(gradients, (x, m), strict=True)
        )
        d_hidden, d_mixed, d_norm = torch.empty_like(x), torch.empty_like(m), x.new_zeros(ctx.parts, 2, width)
        arrays = tuple(map(numbers_of, given)), numbers_of(x), numbers_of(m), ctx.drawn
        taken = tuple(map(numbers_of, (d_hidden, d_mixed, d_norm)))
        join_backward_in_team((*arrays, numbers_of(norm[0]), numbers_of(moments), taken), ctx.parts)
        d_weight, d_bias = d_norm.sum(0)
        return d_hidden.view(ctx.shape), d_mixed.view(ctx.shape), d_weight, d_bias, None, None
