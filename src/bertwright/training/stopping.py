"""How the ranks of a run leave at the same place, whichever of them is asked to stop."""

from __future__ import annotations

from bertwright.training.ranks import Ranks
from bertwright.training.signals import StopSignals

SLOW_SECONDS = 5.0
"""Ranks that are asked to stop give up an update that takes longer: ``torchrun`` kills after 30 seconds."""


class Stopping:
    """The signals of one rank, and what all ranks make of theirs.

    Args:
        signals: of this process.
    """

    def __init__(self, ranks: Ranks, signals: StopSignals) -> None:
        self._ranks, self._signals = ranks, signals
        self._agreed_at: float | None = None
        self._slow = False  # the last update, by the first rank's clock, so that all find it so

    def agree(self, step: int, elapsed: float) -> tuple[int, float]:
        """Between updates: the signal that asked any rank to stop (or 0), and the first rank's clock."""
        stop, seconds = self._ranks.agree(step, self._signals.requested, elapsed)
        self._slow = self._agreed_at is not None and seconds - self._agreed_at > SLOW_SECONDS
        self._agreed_at = seconds
        return stop, seconds

    def gives_up(self, step: int, elapsed: float, *, together: bool) -> bool:
        """Whether to leave the update after ``step`` before its next micro-batch.

        One rank does at once. Several only by common word, and only in the course of slow updates, as asking
        takes time.

        Args:
            together: whether all ranks come by here, so that they can ask each other.
        """
        if self._ranks.size == 1:
            return bool(self._signals.requested)
        if not (self._slow and together):
            return False
        stop, _ = self._ranks.agree(step, self._signals.requested, elapsed)
        return bool(stop)
