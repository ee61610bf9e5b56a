"""Where the rows of a batch lie among its tokens, which follow one another without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class TokenRows(NamedTuple):
    """R rows of a batch."""

    firsts: Numbers
    """(R,): the token that each begins with."""
    lengths: Numbers
    """(R,): how many tokens each has, 1 or more."""

    @classmethod
    def of(cls, lengths: Sequence[int]) -> TokenRows:
        """Rows of so many tokens, one behind the other."""
        found = np.asarray(lengths, np.int64)
        return cls(found.cumsum() - found, found)

    def squares(self, multiple: int) -> Numbers:
        """(R,): a length times itself, after it is rounded up to a ``multiple``."""
        rounded: Numbers = -(-self.lengths // multiple) * multiple
        return rounded * rounded
