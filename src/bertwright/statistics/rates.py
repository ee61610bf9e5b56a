"""Precision, recall and F1 of classes that are counted: labels, tags, entities.

Axes: R resamples, C classes. An undefined rate is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from bertwright.statistics.measures import Floats, Values, ratio


@dataclass(frozen=True)
class Counted:
    """How often each class was right, true and given."""

    hits: Floats
    """(R, C), like the other two."""
    true: Floats
    given: Floats

    @property
    def f1(self) -> Floats:
        """(R, C)."""
        return ratio(2 * self.hits, self.true + self.given)

    def micro(self) -> Values:
        """Rates of all classes together: ``f1``, ``precision``, ``recall``."""
        hits, true, given = (part.sum(axis=1) for part in (self.hits, self.true, self.given))
        return {
            "f1": ratio(2 * hits, true + given),
            "precision": ratio(hits, given),
            "recall": ratio(hits, true),
        }

    def macro_f1(self) -> Floats:
        """Mean over the classes that occur in the truth or the answers."""
        occurring = (self.true + self.given > 0).sum(axis=1)
        return ratio(self.f1.sum(axis=1), occurring.astype(self.f1.dtype))

    def weighted_f1(self) -> Floats:
        """Mean over the classes, weighted by how often they are true."""
        return ratio((self.f1 * self.true).sum(axis=1), self.true.sum(axis=1))
