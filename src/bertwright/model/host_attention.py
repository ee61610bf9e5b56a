"""Attention with dropout, forward and backward, in the fewest passes over memory that a CPU allows.

PyTorch's fused attention has no dropout on a CPU and falls back to a chain of operations. This is the same
formula, with the three inputs laid out for the matrix products in one copy, the scale and the mask inside the
first product, dropout in one pass, and the three gradients written where the next product reads them.

Axes: B rows of a batch, S positions, H hidden size, N heads, D = H / N.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bertwright.model.dropout import Drawing


def host_attention(fused: Tensor, bias: Tensor | None, heads: int, probability: float) -> Tensor:
    """softmax(Q K^T / sqrt(D) + bias), dropped out, times V.

    Args:
        fused: (B, S, 3H): queries, keys and values, heads one after the other in each.
        bias: (B, 1, 1, S), (B, 1, S, S) or (1, 1, S, S) of the same dtype, or None.
        heads: N.
        probability: of dropping an attention weight.

    Returns:
        (B, S, H).
    """
    context: Tensor = _HostAttention.apply(fused, bias, heads, probability)  # type: ignore[no-untyped-call]
    return context


class _HostAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fused: Tensor, bias: Tensor | None, heads: int, probability: float) -> Tensor:
        rows, length, width = fused.shape[0], fused.shape[1], fused.shape[2] // 3
        size = width // heads
        # (3, B, N, S, D)
        stacked = fused.view(rows, length, 3, heads, size).permute(2, 0, 3, 1, 4).contiguous()
        query, key, value = stacked.view(3, rows * heads, length, size).unbind(0)  # three times (BN, S, D)
        if bias is None:
            added = fused.new_zeros(1)
        else:
            queries = bias.shape[2]  # 1, or S where every query has a bias of its own
            own = rows * heads if bias.shape[0] > 1 else 1
            wide = bias.expand(-1, heads, -1, -1) if own > 1 else bias
            added = wide.reshape(own, queries, length)  # (BN or 1, 1 or S, S)
        scores = torch.baddbmm(added, query, key.transpose(1, 2), alpha=size**-0.5)  # (BN, S, S)
        weights = torch.softmax(scores, -1)
        ctx.drawing = Drawing.new(probability)
        context = torch.bmm(ctx.drawing.apply(weights), value)  # (BN, S, D)
        ctx.save_for_backward(stacked, weights)
        return context.view(rows, heads, length, size).transpose(1, 2).reshape(rows, length, width)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        stacked, weights = ctx.saved_tensors
        _, rows, heads, length, size = stacked.shape
        shape = (rows * heads, length, size)
        query, key, value = stacked.view(3, *shape).unbind(0)
        context = gradients[0].view(rows, length, heads, size).transpose(1, 2).reshape(shape)  # (BN, S, D)
        result = torch.empty_like(stacked)  # gradients of query, key and value, laid out as they are
        d_query, d_key, d_value = result.view(3, *shape).unbind(0)
        torch.bmm(ctx.drawing.apply(weights).transpose(1, 2), context, out=d_value)
        d_weights = ctx.drawing.apply(torch.bmm(context, value.transpose(1, 2)))  # (BN, S, S)
        d_scores = torch.ops.aten._softmax_backward_data(d_weights, weights, -1, weights.dtype)
        d_scores.mul_(size**-0.5)
        torch.bmm(d_scores, key, out=d_query)
        torch.bmm(d_scores.transpose(1, 2), query, out=d_key)
        fused = result.permute(1, 3, 0, 2, 4).reshape(rows, length, 3 * heads * size)  # (B, S, 3H)
        return fused, None, None, None
