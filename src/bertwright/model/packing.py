"""Padding left out: a batch as the list of its tokens, padded to rows only inside attention.

A sixth of the positions of a pre-training batch of length 128, and half at 512, are padding. Linear layers,
normalization, activations and dropout work on each token alone, so they can skip it; attention cannot. What
is computed for the tokens is the same.

Axes: B rows of a batch, S positions, T tokens that are kept, H hidden size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

_MULTIPLE = 128
"""T is rounded up to this, with padding, so that the libraries below meet few shapes and keep their plans."""

_WORTHWHILE = 0.95
"""Share of positions above which packing saves less than its copies cost."""


class Packing(NamedTuple):
    """Which positions of a batch are kept."""

    rows: int
    length: int
    tokens: Tensor
    """(T,) int64, flat positions (row * S + position), ascending."""
    padding: Tensor
    """(B * S - T,) int64, the flat positions left out."""
    places: Tensor
    """(B * S,) int64: where each flat position is among the tokens; 0 for those left out."""

    def pack(self, hidden: Tensor) -> Tensor:
        """(B, S, W) -> (T, W)."""
        packed: Tensor = _Pack.apply(hidden.flatten(0, 1), self)  # type: ignore[no-untyped-call]
        return packed

    def pad(self, packed: Tensor) -> Tensor:
        """(T, W) -> (B, S, W). At padding stands some token: what is done there must not reach the result."""
        padded: Tensor = _Pad.apply(packed, self)  # type: ignore[no-untyped-call]
        return padded.view(self.rows, self.length, -1)


def packing_of(attention_mask: Tensor, positions: Tensor) -> Packing | None:
    """How to pack a batch of which only the hidden states at ``positions`` are asked for.

    Kept are the tokens, the positions asked for, and all of a row that has no token (attention there sees
    every position).

    Args:
        attention_mask: (B, S), true (1) for tokens.
        positions: (K,) int64, flat.

    Returns:
        None where it does not pay, and on accelerators and in compiled code, which it would make wait.
    """
    if attention_mask.device.type != "cpu" or torch.compiler.is_compiling():
        return None
    rows, length = attention_mask.shape
    visible = attention_mask.to(torch.bool)
    kept = (visible | ~visible.any(1, keepdim=True)).flatten()
    kept[positions] = True
    count = int(kept.sum())
    count += -count % _MULTIPLE
    if count > _WORTHWHILE * kept.numel():
        return None
    order = kept.to(torch.uint8).argsort(descending=True, stable=True)  # kept ones first
    tokens, padding = order[:count].sort().values, order[count:]
    places = torch.zeros_like(order)
    places[tokens] = torch.arange(count)
    return Packing(rows, length, tokens, padding, places)


class _Pack(torch.autograd.Function):
    """Select the tokens; backward, padding gets zeros."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, packing: Packing) -> Tensor:
        ctx.packing = packing
        return flat.index_select(0, packing.tokens)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        padded = gradients[0].index_select(0, ctx.packing.places)
        return padded.index_fill_(0, ctx.packing.padding, 0), None


class _Pad(torch.autograd.Function):
    """Spread the tokens; backward, the gradient at padding is dropped (it is 0: see :meth:`Packing.pad`)."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, packing: Packing) -> Tensor:
        ctx.packing = packing
        return packed.index_select(0, packing.places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].index_select(0, ctx.packing.tokens), None
