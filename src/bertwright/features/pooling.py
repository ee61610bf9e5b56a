"""The vectors of a row's tokens as one vector.

Axes: B rows of a batch, S positions, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from bertwright.errors import UsageError, quote

PoolingName = Literal["mean", "cls", "max"]
Pooling = Callable[[Tensor, Tensor | None], Tensor]
"""Hidden states (B, S, H) and mask (B, S) bool, or None without padding, to vectors (B, H)."""


def pooling(name: str) -> Pooling:
    """The pooling of that name; ``[CLS]`` and ``[SEP]`` are tokens like the others.

    Raises:
        UsageError: there is none.
    """
    if name not in POOLINGS:
        raise UsageError(f"pooling: expected one of {', '.join(POOLINGS)}, got {quote(name)}")
    return POOLINGS[name]


def _mean(hidden: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return hidden.mean(dim=1)
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # (B, S, 1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def _cls(hidden: Tensor, _mask: Tensor | None) -> Tensor:
    return hidden[:, 0]


def _max(hidden: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        hidden = hidden.masked_fill(~mask.unsqueeze(-1), float("-inf"))
    return hidden.amax(dim=1)


POOLINGS: dict[str, Pooling] = {"mean": _mean, "cls": _cls, "max": _max}
