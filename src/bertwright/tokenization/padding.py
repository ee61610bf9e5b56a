"""Rows of different lengths as rectangles for the model, with as little padding as may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pad(rows: Sequence[ArrayLike], value: int) -> NDArray[np.int64]:
    """``rows`` (B of them) as one (B, S) array, S the longest of them, filled with ``value`` on the right."""
    arrays = [np.asarray(row, dtype=np.int64) for row in rows]
    padded = np.full((len(arrays), max(map(len, arrays))), value, dtype=np.int64)
    for target, row in zip(padded, arrays, strict=True):
        target[: len(row)] = row
    return padded


def padding_mask(lengths: Sequence[int] | NDArray[Any]) -> NDArray[np.bool_] | None:
    """(B, S) bool, true where a row of that length has tokens; None when there is no padding at all."""
    counts = np.asarray(lengths, dtype=np.int64)
    if (counts == counts.max()).all():
        return None
    mask: NDArray[np.bool_] = np.arange(counts.max()) < counts[:, None]
    return mask


def tokens_at_once(device_type: str) -> int:
    """Padded tokens that go through the network at once when nothing is trained, on ``"cpu"`` or ``"cuda"``.

    A processor is fastest with what stays in its caches, and small groups of like lengths pad least (mini and
    base on one core: 1,024 gives 1.7 to 2 times the rows a second of 8,192, and 512 as many as 1,024 in half
    the memory); a GPU wants to be filled.
    """
    return 512 if device_type == "cpu" else 32768


def length_groups(
    lengths: Sequence[int], max_tokens: int, *, even_from: int | None = None
) -> list[NDArray[np.int64]]:
    """Indices of rows grouped for inference: similar lengths together, at most ``max_tokens`` with padding.

    The longest group comes first, so that memory runs out at once or never. Every index stands in exactly one
    group; a row longer than ``max_tokens`` gets a group of its own.

    Args:
        even_from: a group with so many tokens ends where shorter rows begin, so that it has no padding.
    """
    counts = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-counts, kind="stable")
    groups: list[NDArray[np.int64]] = []
    start = 0
    while start < len(order):
        longest = int(counts[order[start]])
        rows = max(1, max_tokens // max(1, longest))
        if even_from is not None:
            equal = int((counts[order[start : start + rows]] == longest).sum())
            rows = equal if equal * longest >= even_from else rows
        groups.append(order[start : start + rows])
        start += rows
    return groups
