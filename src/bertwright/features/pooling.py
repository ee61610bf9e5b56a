"""The vectors of a row's tokens as one vector.

Axes: B rows of a batch, S positions, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from bertwright.errors import UsageError, quote

PoolingName = Literal["mean", "cls", "max"]
"""Those that vectors may be standardized before or after; named as by ``sentence-transformers``."""
SentencePoolingName = Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
"""All that ``sentence-transformers`` has for finished vectors of texts."""
Pooling = Callable[[Tensor, Tensor | None], Tensor]
"""Hidden states (B, S, H) and mask (B, S) bool, or None without padding, to vectors (B, H)."""


def pooling(name: str) -> Pooling:
    """The pooling of that name; ``[CLS]`` and ``[SEP]`` are tokens like the others.

    Several names joined by ``+`` give their vectors one after the other, (B, n H).

    Raises:
        UsageError: there is none.
    """
    parts = name.split("+")
    for part in parts:
        if part not in POOLINGS:
            raise UsageError(f"pooling: expected one of {', '.join(POOLINGS)}, got {quote(part)}")
    if len(parts) == 1:
        return POOLINGS[name]
    chosen = [POOLINGS[part] for part in parts]
    return lambda hidden, mask: torch.cat([pooled(hidden, mask) for pooled in chosen], dim=-1)


def _weighted(hidden: Tensor, weights: Tensor, scale: Callable[[Tensor], Tensor]) -> Tensor:
    """sum_s w_s h_s / scale(sum_s w_s); ``weights`` (B, S)."""
    weights = weights.unsqueeze(-1).to(hidden.dtype)  # (B, S, 1)
    return (hidden * weights).sum(dim=1) / scale(weights.sum(dim=1))


def _mean(hidden: Tensor, mask: Tensor | None) -> Tensor:
    return hidden.mean(dim=1) if mask is None else _weighted(hidden, mask, lambda total: total)


def _mean_sqrt_len(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """The sum over the square root of the number of tokens."""
    return _weighted(hidden, _mask_of(hidden, mask), torch.sqrt)


def _weighted_mean(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """The mean with weights 1, 2, 3, …: later tokens count more."""
    places = torch.arange(1, hidden.shape[1] + 1, device=hidden.device)
    return _weighted(hidden, _mask_of(hidden, mask) * places, lambda total: total)


def _cls(hidden: Tensor, _mask: Tensor | None) -> Tensor:
    return hidden[:, 0]


def _last(hidden: Tensor, mask: Tensor | None) -> Tensor:
    last = _mask_of(hidden, mask).sum(dim=1) - 1
    return hidden[torch.arange(len(hidden), device=hidden.device), last]


def _max(hidden: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        hidden = hidden.masked_fill(~mask.unsqueeze(-1), float("-inf"))
    return hidden.amax(dim=1)


def _mask_of(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """(B, S) int64: 1 for tokens."""
    ones = torch.ones(hidden.shape[:2], dtype=torch.int64, device=hidden.device)
    return ones if mask is None else mask.to(torch.int64)


POOLINGS: dict[str, Pooling] = {
    "mean": _mean,
    "cls": _cls,
    "max": _max,
    "mean_sqrt_len_tokens": _mean_sqrt_len,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}
