"""Whether two models that answered the same rows differ by more than chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertwright.randomness import generator
from bertwright.statistics.bootstrap import RESAMPLES, Interval, draws, interval, require
from bertwright.statistics.measures import BLOCK, ROUNDING, Measure


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two models."""

    one: float
    other: float
    interval: Interval
    """Of ``one - other``."""
    p_value: float
    """How often chance alone makes a difference at least as large."""

    @property
    def difference(self) -> float:
        """``one - other``."""
        return self.one - self.other


def significant(p_value: float, level: float) -> bool:
    """Whether chance alone would do as much in less than ``level`` of all cases."""
    return p_value < level - 1e-12


@dataclass(frozen=True, slots=True)
class McNemar:
    """Rows that only one of two models has right, and the exact test that they are equally many."""

    only_one: int
    only_other: int
    p_value: float


def differences(
    one: Measure,
    other: Measure,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    shuffles: int = 4 * RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """Every metric of two models on the same rows in the same order.

    A p-value says how often a difference at least as large comes about when each row's two answers change
    places by chance (approximate randomization; Noreen, 1989).

    Args:
        resamples: for the intervals: rows drawn with replacement, the same for both models.
        shuffles: for the p-values, of which the smallest possible is ``1 / (1 + shuffles)``.

    Raises:
        ValueError: other rows; or as :func:`bertwright.statistics.bootstrap.intervals`.
    """
    if one.rows != other.rows:
        raise ValueError(f"expected the same rows, got {one.rows} and {other.rows}")
    require(one.rows, confidence, min(resamples, shuffles))
    spread = _spread(one, other, resamples, seed)
    unit = np.ones((1, one.rows))
    first, second = one.at(unit), other.at(unit)
    without_one, without_other = one.without_each(), other.without_each()
    exceeding = _exceeding(one, other, shuffles, seed)
    found = {}
    for name, values in spread.items():
        a, b = float(first[name][0]), float(second[name][0])
        known = one.rows > 1 and name in without_one
        without = without_one[name] - without_other[name] if known else None
        bounds = interval(values, a - b, without, confidence=confidence)
        found[name] = Difference(a, b, bounds, (1 + exceeding[name]) / (1 + shuffles))
    return found


def mcnemar(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> McNemar:
    """The exact test of McNemar (1947) on which rows (N,) each model has right."""
    from scipy.stats import binomtest  # slow to import, and not needed to answer

    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    discordant = only_one + only_other
    p_value = float(binomtest(only_one, discordant).pvalue) if discordant else 1.0
    return McNemar(only_one, only_other, p_value)


def _spread(one: Measure, other: Measure, resamples: int, seed: int) -> dict[str, NDArray[np.float64]]:
    parts = []
    for weights in draws(one.rows, resamples, seed):
        first, second = one.at(weights), other.at(weights)
        parts.append({name: first[name] - second[name] for name in first})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _exceeding(one: Measure, other: Measure, shuffles: int, seed: int) -> dict[str, int]:
    """In how many shuffles each metric differs by at least as much as it does."""
    nothing = np.zeros((1, one.rows), dtype=np.bool_)
    first, second = one.exchanged(other, nothing), other.exchanged(one, nothing)
    size = {name: np.maximum(np.abs(first[name]), np.abs(second[name])) for name in first}
    least = {name: np.abs(second[name] - first[name]) - ROUNDING * size[name] for name in first}
    counts = dict.fromkeys(least, 0)
    for swaps in _swaps(one.rows, shuffles, seed):
        first, second = one.exchanged(other, swaps), other.exchanged(one, swaps)
        for name in least:
            counts[name] += int((np.abs(second[name] - first[name]) >= least[name]).sum())
    return counts


def _swaps(rows: int, shuffles: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    chance = generator(seed, "randomization", rows)
    size = max(1, BLOCK // rows)
    for start in range(0, shuffles, size):
        count = min(size, shuffles - start)
        yield chance.integers(0, 2, size=(count, rows), dtype=np.uint8).astype(np.bool_)
