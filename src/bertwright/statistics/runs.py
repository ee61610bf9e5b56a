"""Whether two ways of training differ by more than chance, from several runs of each on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from bertwright.statistics.bootstrap import RESAMPLES, Interval, draws, require
from bertwright.statistics.measures import ROUNDING, Floats, Measure, Values
from bertwright.statistics.paired import Difference, differences


def differences_of_runs(
    one: Sequence[Measure],
    other: Sequence[Measure],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    shuffles: int = 4 * RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """Every metric of two ways of training, as means over their runs.

    Chance has two parts: the rows that were measured, and the runs (initial weights of the head, order of
    batches, dropout). The variance of a difference is that over resamples of the rows, all runs on the same
    ones, since several answers to one row are no several rows, and of each way the variance of its runs over
    their number. What single answers owe to single runs is in both, and counted once. The difference is held
    against Student's t with the degrees of freedom of Welch (1947) and Satterthwaite (1946). Of one run of
    each nothing is known of the second part: what is told is then
    :func:`~bertwright.statistics.paired.differences`, of these two trained models. So it is of the first run
    of each for a metric that is the same in all runs and resamples: the variance is 0, and yet a few rows
    that are all alike prove little.

    Args:
        one, other: a measure a run, all of the same rows in the same order.
        resamples: of the rows.
        shuffles: for the p-values of :func:`~bertwright.statistics.paired.differences`.

    Raises:
        ValueError: other rows, other numbers of runs, or as for one run of each.
    """
    if not one or len(one) != len(other):
        raise ValueError(f"expected as many runs of both, got {len(one)} and {len(other)}")
    single = partial(
        differences,
        one[0],
        other[0],
        confidence=confidence,
        resamples=resamples,
        shuffles=shuffles,
        seed=seed,
    )
    if len(one) == 1:
        return single()
    if len({run.rows for run in (*one, *other)}) > 1:
        raise ValueError("expected the same rows in every run")
    require(one[0].rows, confidence, resamples)
    if resamples < 2:
        raise ValueError(f"expected two resamples or more, got {resamples}")
    first, second = (_stacked([run.whole() for run in runs]) for runs in (one, other))
    here, there = _resampled((one, other), resamples, seed)
    found = {
        name: _compared(
            first[name][:, 0],
            second[name][:, 0],
            _variance_by_rows(here[name], there[name]),
            one[0].rows,
            confidence,
        )
        for name in first
        if name in second
    }
    alone = single() if None in found.values() else {}
    return {name: alone[name] if compared is None else compared for name, compared in found.items()}


def _resampled(ways: Sequence[Sequence[Measure]], resamples: int, seed: int) -> list[Values]:
    """Of each way every metric (K, R) of its K runs, on R choices of the rows that are the same for all."""
    blocks = [
        [_stacked([run.at(weights) for run in runs]) for runs in ways]
        for weights in draws(ways[0][0].rows, resamples, seed)
    ]
    return [
        {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
        for parts in zip(*blocks, strict=True)
    ]


def _variance_by_rows(one: Floats, other: Floats) -> float:
    """Of the difference of two ways, (K, R) each over resamples, less what is in the variance of runs."""
    whole = float((one.mean(axis=0) - other.mean(axis=0)).var(ddof=1))
    rest = whole - _run_by_row(one) - _run_by_row(other)
    return rest if rest > ROUNDING * whole else 0.0


def _run_by_row(values: Floats) -> float:
    """The share of single answers of single runs in the variance of a way's mean, from (K, R).

    The variance of the runs' figures, which were measured on these rows, holds it already.
    """
    apart = values - values.mean(axis=0)
    return float(apart.var(axis=1, ddof=1).sum()) / (len(values) * (len(values) - 1))


def _compared(one: Floats, other: Floats, by_rows: float, rows: int, confidence: float) -> Difference | None:
    """From a figure a run (K,) of each way, and the variance of their difference by the choice of rows.

    None where every run and every resample says the same.
    """
    from scipy.stats import t as student  # slow to import, and not needed to answer

    a, b = float(one.mean()), float(other.mean())
    parts = [by_rows, float(one.var(ddof=1)) / len(one), float(other.var(ddof=1)) / len(other)]
    freedom = [max(rows - 1, 1), len(one) - 1, len(other) - 1]
    error = float(np.sqrt(sum(parts)))
    if error <= ROUNDING * max(abs(a), abs(b)):
        return None
    degrees = sum(parts) ** 2 / sum(part**2 / free for part, free in zip(parts, freedom, strict=True))
    width = float(student.ppf((1 + confidence) / 2, degrees)) * error
    p_value = 2 * float(student.sf(abs(a - b) / error, degrees))
    return Difference(a, b, Interval(a - b - width, a - b + width), p_value)


def _stacked(runs: Sequence[Values]) -> Values:
    """Every metric that all runs have, (K, R) of (R,) each."""
    return {
        name: np.stack([values[name] for values in runs])
        for name in runs[0]
        if all(name in values for values in runs)
    }
