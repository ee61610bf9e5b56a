"""How good answers are group by group: short and long texts, whole and cut ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.bootstrap import Interval, intervals
from bertwright.statistics.measures import Floats, means
from bertwright.tasks.analysis import Grouping
from bertwright.tasks.batches import Features

LENGTH_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the examples."""

    name: str
    rows: int
    score: float
    """Mean over them."""
    interval: Interval | None
    """None where all rows score the same, which says nothing of others."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "rows": self.rows,
            "score": self.score,
            "interval": None if self.interval is None else self.interval.to_list(),
        }


@dataclass(frozen=True)
class Breakdown:
    """All examples, by one property."""

    name: str
    groups: tuple[Group, ...]
    """Those with examples."""


def break_down(grouping: Grouping, score: Floats, *, confidence: float, resamples: int) -> Breakdown:
    """The mean of ``score`` (N,) in every group, with its interval."""
    groups = []
    for number, name in enumerate(grouping.groups):
        members = score[grouping.members == number]
        if len(members):
            spread = intervals(means({"score": members}), confidence=confidence, resamples=resamples)
            groups.append(Group(name, len(members), float(members.mean()), spread.get("score")))
    return Breakdown(grouping.name, tuple(groups))


def by_length(features: Sequence[Features], examples: int) -> Grouping:
    """Groups of about equal size by the number of pieces that the model read, [CLS] and [SEP] included."""
    lengths = np.zeros(examples, dtype=np.int64)
    np.add.at(lengths, [row.example for row in features], [len(row) for row in features])
    shares = np.arange(1, LENGTH_GROUPS) / LENGTH_GROUPS
    edges = np.unique(np.quantile(lengths, shares, method="lower"))
    edges = edges[edges < lengths.max()]
    members = np.searchsorted(edges, lengths)
    parts = [lengths[members == number] for number in range(len(edges) + 1)]
    return Grouping("length", [_range(part) for part in parts], members)


def by_truncation(truncated: NDArray[np.bool_]) -> Grouping:
    """Examples that the model read to the end, and those that were cut."""
    return Grouping("truncation", ["whole", "cut"], truncated.astype(np.int64))


def _range(lengths: NDArray[np.int64]) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    return f"{low} pieces" if low == high else f"{low}-{high} pieces"
