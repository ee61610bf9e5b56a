"""Metrics as functions of weighted rows, so that thousands of resamples are matrix products.

Axes: N rows (examples), R resamples, K sums. The weight of row n in a resample says how often it was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = dict[str, Floats]
"""Of every metric, one value a resample."""

BLOCK = 1 << 22
"""Weights held at once."""

ROUNDING = 1e-9
"""Of the metrics' own size: so much nearer together, they are equal but for the order of a sum. No fixed size
will do, since metrics may be squares of large numbers, or of small ones."""


class Measure(Protocol):
    """One or more metrics of N rows, at any weights of the rows."""

    @property
    def rows(self) -> int:
        """N."""

    def whole(self) -> Values:
        """Every metric of the rows as they are (1,)."""

    def at(self, weights: Floats) -> Values:
        """Every metric at ``weights`` (R, N)."""

    def without_each(self) -> Values:
        """Every metric without row n, for all n (N,); a metric may be left out where that takes too long."""

    def exchanged(self, other: Self, swaps: NDArray[np.bool_]) -> Values:
        """Every metric with the rows of ``other`` instead of one's own where ``swaps`` (R, N)."""


@dataclass(frozen=True)
class Sums:
    """Metrics that depend on sums over rows only: means, F1, Matthews, entity F1 and most others."""

    values: Floats
    """(N, K): what each row adds to each sum."""
    finish: Callable[[Floats], Values]
    """From sums (R, K) to metrics (R,)."""

    @property
    def rows(self) -> int:
        """N."""
        return len(self.values)

    def whole(self) -> Values:
        """Of the sums of all rows."""
        return self.finish(column_sums(self.values))

    def at(self, weights: Floats) -> Values:
        """Of the sums ``weights @ values``."""
        return self.finish(weights @ self.values)

    def without_each(self) -> Values:
        """Of the total less each row."""
        return self.finish(self.values.sum(axis=0) - self.values)

    def exchanged(self, other: Sums, swaps: NDArray[np.bool_]) -> Values:
        """Only rows that differ count."""
        difference = other.values - self.values
        differing = np.flatnonzero(difference.any(axis=1))
        moved = swaps[:, differing].astype(np.float64) @ difference[differing]
        return self.finish(self.values.sum(axis=0) + moved)


@dataclass(frozen=True)
class Together:
    """Several measures of the same rows as one."""

    parts: Sequence[Measure]

    @property
    def rows(self) -> int:
        """N."""
        return self.parts[0].rows

    def whole(self) -> Values:
        """Of all parts."""
        return _merged([part.whole() for part in self.parts])

    def at(self, weights: Floats) -> Values:
        """Of all parts."""
        return _merged([part.at(weights) for part in self.parts])

    def without_each(self) -> Values:
        """Of all parts."""
        return _merged([part.without_each() for part in self.parts])

    def exchanged(self, other: Together, swaps: NDArray[np.bool_]) -> Values:
        """Part by part."""
        pairs = zip(self.parts, other.parts, strict=True)
        return _merged([one.exchanged(another, swaps) for one, another in pairs])


@dataclass(frozen=True)
class AveragedWith:
    """A measure, and the mean of some of its metrics as one more."""

    part: Measure
    name: str
    of: tuple[str, ...]

    @property
    def rows(self) -> int:
        """N."""
        return self.part.rows

    def whole(self) -> Values:
        """With the mean."""
        return self._with(self.part.whole())

    def at(self, weights: Floats) -> Values:
        """With the mean."""
        return self._with(self.part.at(weights))

    def without_each(self) -> Values:
        """With the mean, where all that it is of are there."""
        return self._with(self.part.without_each())

    def exchanged(self, other: AveragedWith, swaps: NDArray[np.bool_]) -> Values:
        """With the mean."""
        return self._with(self.part.exchanged(other.part, swaps))

    def _with(self, values: Values) -> Values:
        if not all(name in values for name in self.of):
            return values
        return values | {self.name: np.mean([values[name] for name in self.of], axis=0)}


def figures(measure: Measure) -> dict[str, float]:
    """Every metric of the rows as they are, as one number."""
    return {name: float(values[0]) for name, values in measure.whole().items()}


def means(columns: Mapping[str, NDArray[np.generic]]) -> Sums:
    """Metrics that are the mean of one value a row (N,) each."""
    names = list(columns)
    values = [np.asarray(columns[name], dtype=np.float64) for name in names]
    table = np.stack([*values, np.ones_like(values[0])], axis=1)

    def finish(sums: Floats) -> Values:
        return {name: ratio(sums[:, place], sums[:, -1]) for place, name in enumerate(names)}

    return Sums(table, finish)


def column_sums(table: Floats) -> Floats:
    """(1, K) of (N, K): each added up as NumPy adds a vector, pairwise, which a matrix product does not."""
    return np.asarray(np.ascontiguousarray(table.T).sum(axis=1, keepdims=True).T)


def varies(values: Floats) -> bool:
    """Whether ``values`` differ by more than the order of a sum does."""
    return bool(np.ptp(values) > ROUNDING * np.abs(values).max())


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """``numerator / denominator``, and 0 where the denominator is 0."""
    result = np.zeros(np.broadcast(numerator, denominator).shape)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _merged(parts: Sequence[Values]) -> Values:
    return {name: values for part in parts for name, values in part.items()}
