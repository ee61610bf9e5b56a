"""Rows of a batch turned round up to their last token: what reads forward then reads them backward.

Axes: B rows of a batch, S positions, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def turned_positions(hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
    """(B, S) int64: in each row the positions of its tokens from last to first, then those of its padding.

    Turning twice is not turning at all.
    """
    rows, length = hidden.shape[:2]
    places = torch.arange(length, device=hidden.device).expand(rows, length)
    if attention_mask is None:
        return places.flip(1)
    lengths = attention_mask.to(torch.bool).sum(1, keepdim=True)  # (B, 1)
    return torch.where(places < lengths, lengths - 1 - places, places)


def at_positions(hidden: Tensor, positions: Tensor) -> Tensor:
    """Of each row of ``hidden`` (B, S, W) the ``positions`` (B, S)."""
    rows, length, width = hidden.shape
    starts = torch.arange(0, rows * length, length, device=hidden.device)
    flat = (positions + starts[:, None]).flatten()
    return hidden.flatten(0, 1).index_select(0, flat).view(rows, length, width)
