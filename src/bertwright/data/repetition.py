"""Finding repeated things by their 64-bit digests, without holding the things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Digests = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Repetition:
    """What is repeated among n things."""

    copies: int
    """Things that repeat an earlier one."""
    share: float
    """The sum of their weights among the weights of all."""
    most: tuple[tuple[int, int], ...]
    """(digest, how often) of those that come most often, the most frequent first."""


def repetition(digests: Digests, weights: npt.NDArray[np.integer], *, shown: int = 3) -> Repetition:
    """Which of the things with these ``digests`` (n,) are copies of others.

    Args:
        weights: (n,) the size of each, e.g. its tokens.
        shown: how many of the most frequent ones to name.
    """
    distinct, place, counts = np.unique(digests, return_inverse=True, return_counts=True)
    # The weight of one thing of each kind: equal digests have equal weights.
    size = np.zeros(len(distinct), np.int64)
    size[place] = weights
    extra = int(((counts - 1) * size).sum())
    order = np.argsort(-counts, kind="stable")[:shown]
    most = tuple((int(distinct[i]), int(counts[i])) for i in order if counts[i] > 1)
    total = max(1, int(weights.sum()))
    return Repetition(len(digests) - len(distinct), extra / total, most)
