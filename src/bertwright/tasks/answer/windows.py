"""Windows over a passage that is longer than a row, and which of them sees most around each piece.

As ``convert_examples_to_features`` and ``_check_is_max_context`` of the original's ``run_squad.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Window(NamedTuple):
    """``length`` pieces of a passage, from piece ``start`` on."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The piece behind the last."""
        return self.start + self.length


def windows_over(pieces: int, room: int, stride: int) -> list[Window]:
    """The windows of at most ``room`` pieces that begin ``stride`` pieces apart and cover all ``pieces``.

    A stride longer than the room becomes the room. A passage without pieces has one empty window.
    """
    found: list[Window] = []
    start = 0
    while True:
        length = min(pieces - start, room)
        found.append(Window(start, length))
        if start + length == pieces:
            return found
        start += min(length, stride)


def max_context(windows: list[Window]) -> list[NDArray[np.bool_]]:
    """For each window, for each of its pieces: whether no other window shows more context on both sides.

    The score of a piece is the lesser of its contexts left and right, and a hundredth of the window's length;
    of equal windows the first has it. Each piece has it in exactly one window.
    """
    pieces = windows[-1].end
    best = np.full(pieces, -1.0)
    owner = np.zeros(pieces, dtype=np.int64)
    for number, window in enumerate(windows):
        place = np.arange(window.length)
        score = np.minimum(place, window.length - 1 - place) + 0.01 * window.length
        here = slice(window.start, window.end)
        better = score > best[here]
        best[here][better] = score[better]
        owner[here][better] = number
    return [owner[window.start : window.end] == number for number, window in enumerate(windows)]
