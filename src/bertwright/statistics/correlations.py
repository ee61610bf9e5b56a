"""Correlations of two values a row, at any weights of the rows.

Axes: N rows (examples), R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.measures import BLOCK, Floats, Values, column_sums, ratio

MANY_RANKS = 8000
"""Above so many rows a rank correlation is not computed anew without each row."""


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of two values a row: Pearson's of their ranks, equal values sharing the middle.

    Where one of the two is constant it is 0.
    """

    name: str
    one: Floats
    """(N,)"""
    other: Floats
    """(N,)"""

    @property
    def rows(self) -> int:
        """N."""
        return len(self.one)

    def whole(self) -> Values:
        """Every row once."""
        return self.at(np.ones((1, self.rows)))

    def at(self, weights: Floats) -> Values:
        """Ranks as they would be if row n stood there ``weights[:, n]`` times."""
        ranks = [_weighted_ranks(values, weights) for values in (self.one, self.other)]
        return {self.name: weighted_correlation(ranks[0], ranks[1], weights)}

    def without_each(self) -> Values:
        """Nothing for more than :data:`MANY_RANKS` rows: it takes the square of their number."""
        if self.rows > MANY_RANKS:
            return {}
        size = max(1, BLOCK // max(self.rows, 1))
        parts = []
        for start in range(0, self.rows, size):
            block = np.arange(start, min(start + size, self.rows))
            weights = np.ones((len(block), self.rows))
            weights[np.arange(len(block)), block] = 0.0
            parts.append(self.at(weights)[self.name])
        return {self.name: np.concatenate(parts)}

    def exchanged(self, other: RankCorrelation, swaps: NDArray[np.bool_]) -> Values:
        """Both have the same second values; the first are ranked among those that each resample has."""
        both = _weighted_ranks(np.concatenate([self.one, other.one]), _halves(swaps))
        ranks = np.where(swaps, both[:, self.rows :], both[:, : self.rows])
        fixed = _weighted_ranks(self.other, np.ones((1, self.rows)))[0]
        middle = (self.rows + 1) / 2.0
        ranks, fixed = ranks - middle, fixed - middle
        squares = np.einsum("rn,rn->r", ranks, ranks)
        scale = np.array(float(self.rows))
        return {self.name: _correlation(ranks @ fixed, squares, np.array(fixed @ fixed), scale=scale)}


@dataclass(frozen=True)
class LinearCorrelation:
    """Pearson's correlation of two values a row; 0 where one of them is constant."""

    name: str
    one: Floats
    """(N,)"""
    other: Floats
    """(N,)"""

    @property
    def rows(self) -> int:
        """N."""
        return len(self.one)

    def whole(self) -> Values:
        """From sums of powers."""
        return self._of(column_sums(self._powers()))

    def at(self, weights: Floats) -> Values:
        """From weighted sums of powers."""
        return self._of(weights @ self._powers())

    def without_each(self) -> Values:
        """Of the total less each row."""
        powers = self._powers()
        return self._of(powers.sum(axis=0) - powers)

    def exchanged(self, other: LinearCorrelation, swaps: NDArray[np.bool_]) -> Values:
        """Both sets of rows at once, of which each resample takes one half."""
        both = LinearCorrelation(
            self.name, np.concatenate([self.one, other.one]), np.concatenate([self.other, other.other])
        )
        return both.at(_halves(swaps))

    def _powers(self) -> Floats:
        """(N, 6), of values brought near 0, so that the differences of their sums lose nothing."""
        x, y = _standard(self.one), _standard(self.other)
        return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)

    def _of(self, sums: Floats) -> Values:
        count, sx, sy, xx, yy, xy = sums.T
        covariance = xy - ratio(sx * sy, count)
        squares = [xx - ratio(sx * sx, count), yy - ratio(sy * sy, count)]
        return {self.name: _correlation(covariance, *squares, scale=count)}


def weighted_correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's correlation along the last axis; all three (R, N); 0 where one of the two is constant."""
    total = weights.sum(axis=1)
    x = x - ratio((weights * x).sum(axis=1), total)[:, None]
    y = y - ratio((weights * y).sum(axis=1), total)[:, None]
    xx, yy, xy = ((weights * product).sum(axis=1) for product in (x * x, y * y, x * y))
    return _correlation(xy, xx, yy, scale=total)


def _correlation(covariance: Floats, xx: Floats, yy: Floats, *, scale: Floats) -> Floats:
    """Squares that are nothing but rounding (relative to ``scale``) are those of a constant."""
    varied = (xx > 1e-12 * scale) & (yy > 1e-12 * scale)
    norm = np.sqrt(np.where(varied, xx * yy, 1.0))
    return np.where(varied, np.clip(covariance / norm, -1.0, 1.0), 0.0)


def _halves(swaps: NDArray[np.bool_]) -> Floats:
    return np.concatenate([~swaps, swaps], axis=1).astype(np.float64)


def _standard(values: NDArray[np.generic]) -> Floats:
    floats = np.asarray(values, dtype=np.float64)
    centred = floats - floats.mean()
    deviation = float(np.sqrt((centred * centred).mean()))
    return centred / deviation if deviation > 0 else np.zeros_like(centred)


def _weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """Middle ranks (R, N): what is below, and half of what is equal."""
    _, places = np.unique(values, return_inverse=True)
    order = np.argsort(places, kind="stable")
    begins = np.flatnonzero(np.diff(places[order], prepend=-1))
    groups = np.add.reduceat(weights[:, order], begins, axis=1)  # weight of each distinct value
    below = np.cumsum(groups, axis=1) - groups
    return (below + (groups + 1.0) / 2.0)[:, places]
