"""Padding left out: a batch as the list of its tokens, put into rows only inside attention.

A sixth of the positions of a pre-training batch of length 128, and half at 512, are padding. Linear layers,
normalization, activations and dropout work on each token alone, so they can skip it. Attention needs rows:
in training those of the batch, padded, in few large products; where nothing is trained, one rectangle after
the other of rows that are equally long, so that padding is computed nowhere. What is computed for the tokens
is the same.

Axes: B rows of a batch, S positions, T tokens that are kept, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

Attention = Callable[[Tensor, Tensor | None], Tensor]
"""Queries, keys and values (B, S, 3H), and what is added to scores, or None, to contexts (B, S, H)."""

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

    def attended(self, fused: Tensor, bias: Tensor | None, attention: Attention) -> Tensor:
        """``attention`` over the padded rows: (T, 3H) -> (T, H)."""
        return self.pack(attention(self.pad(fused), bias))


class Rectangles(NamedTuple):
    """The tokens of a batch, of which those rows that follow each other and are equally long go together."""

    tokens: Tensor
    """(T,) int64, flat positions (row * S + position), ascending."""
    places: Tensor
    """(B * S,) int64: where each flat position is among the tokens; any place for padding."""
    shapes: tuple[tuple[int, int], ...]
    """Rows and length of each rectangle."""

    def pack(self, hidden: Tensor) -> Tensor:
        """(B, S, W) -> (T, W)."""
        return hidden.flatten(0, 1).index_select(0, self.tokens)

    def attended(self, fused: Tensor, _bias: Tensor | None, attention: Attention) -> Tensor:
        """``attention`` over each rectangle, in which every key is seen: (T, 3H) -> (T, H)."""
        parts = fused.split_with_sizes([rows * length for rows, length in self.shapes])
        contexts = [
            attention(part.view(*shape, -1), None).flatten(0, 1)
            for part, shape in zip(parts, self.shapes, strict=True)
        ]
        return contexts[0] if len(contexts) == 1 else torch.cat(contexts)


Layout = Packing | Rectangles


def packing_of(attention_mask: Tensor, positions: Tensor) -> Layout | None:
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
    visible = attention_mask.to(torch.bool)
    if not torch.is_grad_enabled() and _are_rectangles(visible, positions):
        return _rectangles(visible)
    return _packing(visible, positions)


def _are_rectangles(visible: Tensor, positions: Tensor) -> bool:
    """Whether each row is some tokens and padding behind them, and no padding is asked for."""
    right = visible[:, :1].all() and (visible[:, :-1] | ~visible[:, 1:]).all()
    return bool(right and visible.flatten()[positions].all())


def _rectangles(visible: Tensor) -> Rectangles:
    flat = visible.flatten()
    lengths = visible.sum(1).tolist()
    shapes = tuple((len(list(same)), length) for length, same in groupby(lengths))
    return Rectangles(flat.nonzero().squeeze(1), flat.cumsum(0).sub_(1).clamp_(min=0), shapes)


def _packing(visible: Tensor, positions: Tensor) -> Packing | None:
    rows, length = visible.shape
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
