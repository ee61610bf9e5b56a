"""Attention over rows of any length, by kernels that keep what lies between its products in the caches.

Used where the processor has vectors of sixteen numbers: there these are faster than products of PyTorch for
rows padded to one length, with operators for the whole batch between them (docs/log.md).

Axes: T tokens, R rows, S tokens of a row, H hidden size, N heads, D = H / N.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bertwright.execution.processor import has_instructions
from bertwright.execution.threads import worthwhile_threads
from bertwright.model.dropout import KEEPING_ALL, Drawing
from bertwright.model.host_tensors import is_on_host, numbers_of
from bertwright.model.token_rows import TokenRows

_KEPT = 128
"""Tokens of the longest row up to which the gradient finds its weights kept, S for each token and head; of
longer rows they are made again."""

_LEAST = 1 << 15
"""Attention weights for which another thread does not cost more than it does."""


def takes_rows(fused: Tensor) -> bool:
    """Whether these queries, keys and values are for :func:`row_attention`, and it is the fastest way.

    Only in training: a first answer would wait for the kernels to be loaded, and if it depended on the batch
    whether they are, so would a text's vector.
    """
    if not (is_on_host(fused) and torch.is_grad_enabled() and fused.numel() and has_instructions("avx512_f")):
        return False
    if fused.dtype == torch.bfloat16:  # matrix units do far more products of bf16 than vectors of float32
        return not has_instructions("amx_bf16")
    return fused.dtype == torch.float32


def row_attention(
    fused: Tensor, rows: TokenRows, hidden: Tensor | None, heads: int, probability: float, causal: bool
) -> Tensor:
    """softmax(Q K^T / sqrt(D) + hidden), dropped out, times V, in each row.

    Args:
        fused: (T, 3H) float32 or bf16: queries, keys and values, heads one after the other in each.
        rows: of the tokens.
        hidden: (T,) added to the scores of each key, or None where all are seen.
        heads: N.
        probability: of dropping an attention weight.
        causal: whether no position sees those behind it.

    Returns:
        (T, H).
    """
    drawing = Drawing.new(probability) if probability else KEEPING_ALL
    context: Tensor = _RowAttention.apply(fused, rows, hidden, heads, drawing, causal)  # type: ignore[no-untyped-call]
    return context


class _RowAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        fused: Tensor,
        rows: TokenRows,
        hidden: Tensor | None,
        heads: int,
        drawing: Drawing,
        causal: bool,
    ) -> Tensor:
        from bertwright.execution.vectors import LANES  # compiled, which only training waits for
        from bertwright.model import attention_kernel as kernel

        fused = fused.contiguous()
        weights_of = heads * rows.squares(LANES)  # (R,)
        count = int(weights_of.sum())
        keeps = ctx.needs_input_grad[0] and rows.lengths.max() <= _KEPT
        weights = fused.new_empty(count if keeps else 0)
        context = fused.new_empty(len(fused), fused.shape[1] // 3)
        added = fused.new_empty(0, dtype=torch.float32) if hidden is None else hidden.float().contiguous()
        numbers, masks, *taken = (numbers_of(tensor) for tensor in (fused, added, weights, context))
        given = (*rows, weights_of.cumsum() - weights_of), heads, masks, causal, drawing.numbers
        parts = worthwhile_threads(count, _LEAST)
        kernel.attend_in_team((numbers, *given, *taken), parts)
        ctx.save_for_backward(fused, weights)
        ctx.given = *given, parts
        return context

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        from bertwright.model import attention_kernel as kernel

        fused, weights = ctx.saved_tensors
        *given, parts = ctx.given
        result = torch.empty_like(fused)
        numbers, *arrays = (
            numbers_of(tensor) for tensor in (fused, weights, gradients[0].contiguous(), result)
        )
        kernel.attend_backward_in_team((numbers, *given, *arrays), parts)
        return result, None, None, None, None, None
