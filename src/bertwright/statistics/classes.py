"""Tables of classes: which was taken for which, and how each fares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class against all others."""

    label: str
    precision: float
    """Of the rows given this class, the share that has it; 0 when there are none."""
    recall: float
    """Of the rows that have it, the share that was given it; 0 when there are none."""
    f1: float
    support: int
    """Rows that have it."""
    given: int
    """Rows that were given it."""

    @classmethod
    def of(cls, label: str, hits: int, support: int, given: int) -> ClassScore:
        """From counts."""
        both = support + given
        return cls(
            label,
            hits / given if given else 0.0,
            hits / support if support else 0.0,
            2 * hits / both if both else 0.0,
            support,
            given,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Confusion:
    """Counts [true class][given class]."""

    labels: tuple[str, ...]
    counts: Counts
    """(C, C)"""

    @classmethod
    def of(cls, labels: Sequence[str], truth: Counts, given: Counts) -> Confusion:
        """From classes (N,), numbers of ``labels``."""
        size = len(labels)
        counts = np.bincount(truth * size + given, minlength=size * size).reshape(size, size)
        return cls(tuple(labels), counts.astype(np.int64))

    def scores(self) -> tuple[ClassScore, ...]:
        """Of every class, in order."""
        hits, support, given = np.diag(self.counts), self.counts.sum(axis=1), self.counts.sum(axis=0)
        return tuple(
            ClassScore.of(label, int(hits[n]), int(support[n]), int(given[n]))
            for n, label in enumerate(self.labels)
        )

    def most_confused(self, limit: int = 10) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: (true class, given class, rows)."""
        wrong = self.counts - np.diag(np.diag(self.counts))
        order = np.argsort(-wrong.ravel(), kind="stable")[:limit]
        pairs = [divmod(int(place), len(self.labels)) for place in order if wrong.ravel()[place]]
        return [(self.labels[true], self.labels[given], int(wrong[true, given])) for true, given in pairs]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"labels": list(self.labels), "counts": self.counts.tolist()}
