"""The learning rate of every update: linear warm-up, then linear decay to zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DecayShape = Literal["continuous", "original"]


@dataclass(frozen=True)
class LinearSchedule:
    """Linear warm-up to ``peak`` and linear decay to zero at ``total``.

    ``original`` is what google-research/bert's ``optimization.py`` does: the rate of update ``k`` is
    ``peak * k / warmup`` while ``k < warmup`` (the first update changes nothing) and then
    ``peak * (1 - k / total)``, so that it drops by ``peak * warmup / total`` when the warm-up ends.

    ``continuous`` goes up to the peak and decays from there, and no counted update has rate zero::

        peak * min(1, (k + unit) / warmup, (total - k) / (total - warmup))
    """

    peak: float
    """Highest learning rate."""
    total: float
    """Length of the run: steps, or 1.0 where positions are shares of a time budget."""
    warmup: float = 0.0
    """Length of the warm-up in the unit of ``total``."""
    shape: DecayShape = "continuous"
    unit: float = 1.0
    """What one update covers of ``total``: 1 for counted steps, 0 (unknown, little) for shares of time."""

    def rate(self, done: float) -> float:
        """Learning rate of the update at position ``done`` (0 for the first)."""
        if self.shape == "original":
            if done < self.warmup:
                return self.peak * done / self.warmup
            return self.peak * max(0.0, 1.0 - done / self.total)
        rising = (done + self.unit) / self.warmup if self.warmup > 0 else 1.0
        falling = (self.total - done) / (self.total - self.warmup) if self.total > self.warmup else 1.0
        return self.peak * max(0.0, min(1.0, rising, falling))
