"""How large a stored tensor may say that it is, before its bytes are looked for."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

MOST_AXES = 8
SIZE_LIMIT = 2**48
"""Of one axis."""


def is_countable(shape: Iterable[int]) -> bool:
    """Whether torch can count so many numbers: it goes to 2^63, also where a size of 0 leaves none."""
    return prod(size or 1 for size in shape) < 2**63
