"""The published sizes: what each is trained with, and which of them a run by a time budget has.

A network of N weights in its blocks takes 6 N operations a token, and learns most from C operations where it
reads about 20 N tokens (Hoffmann et al. 2022, section 3), so N = sqrt(C / 120). Of a short text it is no
larger than what 40 passes are best for, as many as the paper's (appendix A.2): a larger one would learn the
text by heart in the time that is left.
"""

from __future__ import annotations

import math
from typing import get_args

from bertwright.model.config import PUBLISHED, Size

LEARNING_RATES: dict[Size, float] = {
    "tiny": 1e-3,
    "mini": 1e-3,
    "small": 5e-4,
    "medium": 5e-4,
    "base": 1e-4,
    "large": 1e-4,
}
"""Peak rates: the paper's for its two sizes, larger ones for smaller networks."""

BATCH_SIZES: dict[Size, int] = {
    "tiny": 32,
    "mini": 32,
    "small": 64,
    "medium": 128,
    "base": 256,
    "large": 256,
}
"""Instances of an update: the paper's for its two sizes; small networks gain more by more updates."""

TOKENS_A_WEIGHT = 20
PASSES = 40
OPERATIONS = 6
"""Of forward and backward, for a weight and a token."""
USE = 0.5
"""Of the operations that products of matrices reach: what a run may count on."""


def block_weights(size: Size) -> int:
    """Numbers in the matrices of all blocks."""
    layers, hidden, _ = PUBLISHED[size]
    return 12 * layers * hidden**2


def best_size(seconds: float, peak: float, tokens: int) -> Size:
    """The published size that is nearest, in ratio, to the best one.

    Args:
        seconds: that it is trained for.
        peak: operations a second of products of matrices, all ranks together.
        tokens: of the text.
    """
    best = math.sqrt(USE * peak * seconds / (OPERATIONS * TOKENS_A_WEIGHT))
    most = tokens * PASSES / TOKENS_A_WEIGHT
    wanted = max(1.0, min(best, most))
    return min(get_args(Size), key=lambda size: abs(math.log(block_weights(size) / wanted)))
