"""The stretches of a run: sequences of one length, from short ones to long ones."""

from __future__ import annotations

from dataclasses import dataclass

OPENING_SHARE = 0.6
"""Of the updates, for a new network that has little time: by then it has found out that positions matter
(docs/log.md)."""
OPENING_BATCHES = 2
"""An update of the opening has so many times the instances: at a quarter of the length half of the tokens."""
OPENING_CONTRAST = 4
"""Where the first phase is not so many times as long as the opening, it is one itself."""


@dataclass(frozen=True)
class Phase:
    """A stretch of the run with sequences of one length."""

    length: int
    """Longest instance, in tokens."""
    share: float
    """Of the updates."""
    instances: int
    """Of an update."""
