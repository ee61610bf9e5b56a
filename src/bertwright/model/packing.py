"""Padding left out: a batch as the list of its tokens, put into rows only inside attention.

A sixth of the positions of a pre-training batch of length 128, half at 512, and of the rows of a task as they
come two thirds are padding. Linear layers, normalization, activations and dropout work on each token alone,
so they can skip it. Attention needs rows: in training kernels of ours take them one by one, or else they go
in a few bands of similar lengths, each padded for itself; where nothing is trained, one rectangle after the
other of rows that are equally long, so that padding is computed nowhere. What is computed for the tokens is
the same.

Axes: B rows of a batch, S positions, T tokens that are kept, R rows of a band, H hidden size, W any width.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from bertwright.model.host_tensors import is_on_host
from bertwright.model.token_rows import TokenRows

Attention = Callable[[Tensor, Tensor | None], Tensor]
"""Queries, keys and values (B, S, 3H), and what is added to scores, or None, to contexts (B, S, H)."""

BiasedRows = tuple[TokenRows, Tensor | None]
"""Rows, and what is added to the scores of each token as a key, (T,), or None where all are seen."""

_MULTIPLE = 128
"""T is rounded up to this, with padding, so that the libraries below meet few shapes and keep their plans."""

_WORTHWHILE = 0.95
"""Share of positions above which packing saves less than its copies cost."""

_SIMILAR = 0.75
"""A row that is shorter than so much of a band's longest one begins another band, ..."""

_MOST_BANDS = 8
"""... if the band has its share of the rows: many small products cost more than a little padding."""


class Selection(NamedTuple):
    """Some of N places, in an order of their own."""

    chosen: Tensor
    """(T,) int64: the places."""
    places: Tensor
    """(N,) int64: where each place is among the chosen; 0 for those left out."""
    left_out: Tensor
    """(N - T,) int64, the other places."""

    @classmethod
    def of(cls, chosen: Tensor, count: int) -> Selection:
        """The ``chosen`` of so many places."""
        places = torch.zeros(count, dtype=torch.int64)
        places[chosen] = torch.arange(len(chosen))
        others = torch.ones(count, dtype=torch.bool)
        others[chosen] = False
        return cls(chosen, places, others.nonzero().squeeze(1))

    def pack(self, flat: Tensor) -> Tensor:
        """(N, W) -> (T, W)."""
        packed: Tensor = _Pack.apply(flat, self)  # type: ignore[no-untyped-call]
        return packed

    def spread(self, packed: Tensor) -> Tensor:
        """(T, W) -> (N, W). At places left out stands another, which must not reach the result."""
        flat: Tensor = _Spread.apply(packed, self)  # type: ignore[no-untyped-call]
        return flat


class Band(NamedTuple):
    """Rows that go through attention together, padded to the longest of them."""

    rows: Tensor
    """(R,) int64, which of the batch."""
    length: int
    selection: Selection
    """Their tokens among R * length places."""

    def attended(self, fused: Tensor, bias: Tensor | None, attention: Attention) -> Tensor:
        """``attention`` over the rows: (tokens of the band, 3H) -> (the same, H)."""
        rows = self.selection.spread(fused).view(len(self.rows), self.length, -1)
        return self.selection.pack(attention(rows, self._bias(bias)).flatten(0, 1))

    def _bias(self, bias: Tensor | None) -> Tensor | None:
        """What concerns the band, of a whole batch's (B or 1, 1, 1 or S, S)."""
        if bias is None:
            return None
        own = bias if len(bias) == 1 else bias.index_select(0, self.rows)
        return own[:, :, : self.length, : self.length]  # of a query dimension of 1, that one


class Packing(NamedTuple):
    """Which positions of a batch are kept, and how they go through attention."""

    selection: Selection
    """T of the B * S flat positions (row * S + position): band by band, in each row by row."""
    rows: TokenRows
    bands: tuple[Band, ...]

    def token_rows(self, bias: Tensor | None) -> BiasedRows:
        """The rows among the tokens; ``bias`` is (B, 1, 1, S)."""
        return self.rows, None if bias is None else bias.flatten().index_select(0, self.selection.chosen)

    @property
    def places(self) -> Tensor:
        """(B * S,) int64: where each flat position is among the tokens; 0 for those left out."""
        return self.selection.places

    def pack(self, hidden: Tensor) -> Tensor:
        """(B, S, W) -> (T, W)."""
        return self.selection.pack(hidden.flatten(0, 1))

    def attended(self, fused: Tensor, bias: Tensor | None, attention: Attention) -> Tensor:
        """``attention`` over each band: (T, 3H) -> (T, H)."""
        parts = fused.split_with_sizes([len(band.selection.chosen) for band in self.bands])
        contexts = [
            band.attended(part, bias, attention) for part, band in zip(parts, self.bands, strict=True)
        ]
        return contexts[0] if len(contexts) == 1 else torch.cat(contexts)


class Rectangles(NamedTuple):
    """The tokens of a batch, of which those rows that follow each other and are equally long go together."""

    tokens: Tensor
    """(T,) int64, flat positions (row * S + position), ascending."""
    places: Tensor
    """(B * S,) int64: where each flat position is among the tokens; any place for padding."""
    shapes: tuple[tuple[int, int], ...]
    """Rows and length of each rectangle."""

    def token_rows(self, _bias: Tensor | None) -> None:
        """Of use in training alone."""

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


class Layout(Protocol):
    """How the rows of a batch go through attention."""

    def token_rows(self, bias: Tensor | None) -> BiasedRows | None:
        """The rows among the tokens, with a ``bias`` for each key of the batch, (B, 1, 1, S); None where they
        see more than these tokens, or that is of no use."""

    def attended(self, fused: Tensor, bias: Tensor | None, attention: Attention) -> Tensor:
        """Queries, keys and values (.., 3H) -> contexts (.., H), with ``attention`` for whole rows."""


def packing_of(attention_mask: Tensor, positions: Tensor) -> Packing | Rectangles | None:
    """How to pack a batch of which only the hidden states at ``positions`` are asked for.

    Kept are the tokens, the positions asked for, and all of a row that has no token (attention there sees
    every position).

    Args:
        attention_mask: (B, S), true (1) for tokens.
        positions: (K,) int64, flat.

    Returns:
        None where it does not pay, and on accelerators and in compiled code, which it would make wait.
    """
    if not is_on_host(attention_mask):
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
    if int(kept.sum()) > _WORTHWHILE * kept.numel():
        return None
    kept = kept.view(rows, length)
    lengths = (kept * torch.arange(1, length + 1)).amax(1)
    order = lengths.argsort(descending=True, stable=True)
    starts = _band_starts(lengths[order].tolist())
    ends = [*starts[1:], rows]
    longest = lengths[order[starts]].repeat_interleave(torch.tensor(ends) - torch.tensor(starts))
    kept = _rounded(kept[order], torch.arange(length) < longest[:, None])
    tokens = kept.nonzero()  # (T, 2): a row's rank by length, and the position
    bands = []
    for start, end in zip(starts, ends, strict=True):
        size = int(longest[start])
        inside = kept[start:end, :size].flatten().nonzero().squeeze(1)
        bands.append(Band(order[start:end], size, Selection.of(inside, (end - start) * size)))
    chosen = order[tokens[:, 0]] * length + tokens[:, 1]
    return Packing(Selection.of(chosen, rows * length), TokenRows.of(kept.sum(1).tolist()), tuple(bands))


def _band_starts(lengths: list[int]) -> list[int]:
    """Where bands begin, in rows of falling length."""
    least = -(-len(lengths) // _MOST_BANDS)
    starts = [0]
    for row, length in enumerate(lengths):
        if length < _SIMILAR * lengths[starts[-1]] and row - starts[-1] >= least:
            starts.append(row)
    return starts


def _rounded(kept: Tensor, inside: Tensor) -> Tensor:
    """``kept`` (B, S), and padding that attention computes anyway, up to a multiple if there is enough."""
    wanted = -int(kept.sum()) % _MULTIPLE
    spare = (inside & ~kept).flatten().nonzero().squeeze(1)[:wanted]
    return kept.flatten().index_fill(0, spare, True).view_as(kept)


class _Pack(torch.autograd.Function):
    """Select the tokens; backward, what was left out gets zeros."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, selection: Selection) -> Tensor:
        ctx.selection = selection
        return flat.index_select(0, selection.chosen)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        flat = gradients[0].index_select(0, ctx.selection.places)
        return flat.index_fill_(0, ctx.selection.left_out, 0), None


class _Spread(torch.autograd.Function):
    """Spread the tokens; backward, the gradient at padding is dropped (it is 0)."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, selection: Selection) -> Tensor:
        ctx.selection = selection
        return packed.index_select(0, selection.places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].index_select(0, ctx.selection.chosen), None
