"""Intervals: by hand, against scipy.stats.bootstrap, and how often they hold the true value."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bertwright.statistics.bootstrap import draws, interval, intervals, resampled
from bertwright.statistics.correlations import LinearCorrelation, RankCorrelation
from bertwright.statistics.measures import means

CHANCE = np.random.default_rng(5)
SKEWED = CHANCE.exponential(size=60)


def test_draws_are_resamples() -> None:
    blocks = list(draws(5000, 1000, seed=1))
    assert len(blocks) == 2 and sum(len(block) for block in blocks) == 1000
    weights = np.concatenate(blocks)
    assert (weights.sum(axis=1) == 5000).all()
    assert weights.var() == pytest.approx(1 - 1 / 5000, rel=0.01)  # binomial(N, 1/N)
    assert np.array_equal(weights, np.concatenate(list(draws(5000, 1000, seed=1))))
    assert not np.array_equal(weights, np.concatenate(list(draws(5000, 1000, seed=2))))


def test_what_varies_by_the_order_of_a_sum_has_no_interval() -> None:
    assert intervals(means({"m": np.full(7, 2 / 3)})) == {}
    assert set(intervals(means({"m": np.array([2e-9, 1e-9])}))) == {"m"}


def test_percentiles_by_hand() -> None:
    """Half of the resamples on either side and no skew: nothing to correct."""
    assert interval(np.arange(101.0), 50.0, None, confidence=0.9).to_list() == pytest.approx([5.0, 95.0])


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_bca_is_scipys(confidence: float) -> None:
    """From the same resamples, scipy makes the same interval."""
    measure = means({"mean": SKEWED})
    values = resampled(measure, 2000, seed=3)["mean"]
    given = SimpleNamespace(bootstrap_distribution=values)
    expected = stats.bootstrap(
        (SKEWED,), np.mean, confidence_level=confidence, n_resamples=0, bootstrap_result=given, method="BCa"
    ).confidence_interval
    found = intervals(measure, confidence=confidence, resamples=2000, seed=3)["mean"]
    assert found.to_list() == pytest.approx([expected.low, expected.high], abs=1e-12)


def test_correlations_are_scipys() -> None:
    x = CHANCE.normal(size=80)
    y = x + CHANCE.normal(size=80)
    for measure, statistic in (
        (LinearCorrelation("r", x, y), lambda a, b: stats.pearsonr(a, b).statistic),
        (RankCorrelation("r", x, y), lambda a, b: stats.spearmanr(a, b).statistic),
    ):
        values = resampled(measure, 500, seed=4)["r"]
        expected = stats.bootstrap(
            (x, y),
            statistic,
            paired=True,
            vectorized=False,
            n_resamples=0,
            bootstrap_result=SimpleNamespace(bootstrap_distribution=values),
            method="BCa",
        ).confidence_interval
        found = intervals(measure, resamples=500, seed=4)["r"]
        assert found.to_list() == pytest.approx([expected.low, expected.high], abs=1e-9)


def test_four_of_five_intervals_at_80_percent_hold_the_truth() -> None:
    chance = np.random.default_rng(11)
    held = 0
    for seed in range(400):
        found = intervals(means({"m": chance.normal(size=50)}), confidence=0.8, resamples=400, seed=seed)["m"]
        held += found.low <= 0.0 <= found.high
    assert 0.74 <= held / 400 <= 0.85


@given(st.lists(st.integers(0, 1), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_intervals_stay_in_range(rows: list[int]) -> None:
    found = intervals(means({"m": np.array(rows)}), resamples=200)
    if len(set(rows)) == 1:  # what other rows would say is not known
        assert found == {}
    else:
        assert 0.0 <= found["m"].low < found["m"].high <= 1.0


def test_more_confidence_is_wider_and_more_rows_are_narrower() -> None:
    measure = means({"m": SKEWED})
    narrow, wide = (intervals(measure, confidence=c)["m"] for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    many = intervals(means({"m": np.tile(SKEWED, 16)}))["m"]
    few = intervals(measure)["m"]
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(0.25, rel=0.15)


def test_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1, got 95"):
        intervals(means({"m": SKEWED}), confidence=95)
    with pytest.raises(ValueError, match="rows and resamples"):
        intervals(means({"m": np.array([])}))
