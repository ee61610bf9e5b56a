"""Intervals of any metric by resampling rows with replacement (Efron & Tibshirani, 1993, ch. 13, 14)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bertwright.randomness import generator
from bertwright.statistics.measures import BLOCK, Floats, Measure, Values, varies

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure would lie, were other rows of the same kind measured."""

    low: float
    high: float

    def to_list(self) -> list[float]:
        """As JSON."""
        return [self.low, self.high]


def intervals(
    measure: Measure,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """A two-sided interval of every metric that varies.

    It is BCa: the percentiles are corrected for bias and for a spread that changes with the value.

    Args:
        confidence: share of such intervals that hold the true value, between 0 and 1.

    A metric that is the same in every resample (all rows right) has none: resampling cannot tell how far it
    is from 1.

    Raises:
        ValueError: ``confidence`` is not between 0 and 1, there are no rows, or no resamples.
    """
    require(measure.rows, confidence, resamples)
    drawn = resampled(measure, resamples, seed)
    actual = measure.at(np.ones((1, measure.rows)))
    without = measure.without_each() if measure.rows > 1 else {}
    return {
        name: interval(values, float(actual[name][0]), without.get(name), confidence=confidence)
        for name, values in drawn.items()
        if varies(values)
    }


def resampled(measure: Measure, resamples: int, seed: int) -> Values:
    """Every metric of ``resamples`` resamples of the rows."""
    parts = [measure.at(weights) for weights in draws(measure.rows, resamples, seed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def draws(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each row was drawn, in blocks (R, N); every line sums to N."""
    chance = generator(seed, "bootstrap", rows)
    size = max(1, BLOCK // rows)
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = chance.integers(0, rows, size=(count, rows)) + rows * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows).astype(np.float64)


def interval(values: Floats, actual: float, without: Floats | None, *, confidence: float) -> Interval:
    """From the metric in every resample (R,), with all rows, and without each row (N,), if that is known."""
    from scipy.special import ndtr, ndtri  # slow to import, and not needed to answer

    tails = np.array([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    if varies(values):
        half = 0.5 / len(values)  # of no resample or of all there is no finite quantile
        below = np.clip(((values < actual).mean() + (values <= actual).mean()) / 2.0, half, 1.0 - half)
        bias = ndtri(below)
        shifted = bias + ndtri(tails)
        tails = ndtr(bias + shifted / (1.0 - _acceleration(without) * shifted))
    low, high = np.quantile(values, tails)
    return Interval(float(low), float(high))


def require(rows: int, confidence: float, resamples: int) -> None:
    """Refuse what no interval can be made of.

    Raises:
        ValueError: saying what is wrong.
    """
    if rows < 1 or resamples < 1:
        raise ValueError(f"expected rows and resamples, got {rows} and {resamples}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence:g}")


def _acceleration(without: Floats | None) -> float:
    """A sixth of the skewness of the jackknife's influences; it falls with the root of N."""
    if without is None:
        return 0.0
    influence = without.mean() - without
    squares = float((influence**2).sum())
    return 0.0 if squares == 0 else float((influence**3).sum()) / (6.0 * squares**1.5)
