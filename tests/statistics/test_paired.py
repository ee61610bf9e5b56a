"""Paired tests: by hand, by enumeration, against scipy, and how often chance alone is called significant."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from bertwright.statistics.bootstrap import resampled
from bertwright.statistics.correlations import RankCorrelation
from bertwright.statistics.measures import means
from bertwright.statistics.paired import differences, mcnemar


def test_randomization_against_all_exchanges() -> None:
    one, other = np.array([1.0, 0, 0, 1, 0, 0, 1]), np.array([1.0, 1, 1, 1, 1, 0, 0])
    gap = abs(other.mean() - one.mean())
    extreme = 0
    for swaps in itertools.product([False, True], repeat=7):
        first, second = np.where(swaps, other, one), np.where(swaps, one, other)
        extreme += abs(second.mean() - first.mean()) >= gap - 1e-12
    found = differences(means({"m": one}), means({"m": other}), shuffles=20_000)["m"]
    assert found.p_value == pytest.approx(extreme / 2**7, abs=0.015)
    assert (found.one, found.other, found.difference) == pytest.approx((3 / 7, 5 / 7, -2 / 7))


def test_rank_correlation_against_scipy() -> None:
    chance = np.random.default_rng(2)
    truth = chance.normal(size=40)
    one, other = truth + chance.normal(size=40), truth + 2 * chance.normal(size=40)

    def gap(a: np.ndarray, b: np.ndarray) -> float:
        return float(stats.spearmanr(a, truth).statistic - stats.spearmanr(b, truth).statistic)

    expected = stats.permutation_test(
        (one, other), gap, permutation_type="samples", vectorized=False, n_resamples=1500, rng=7
    )
    found = differences(RankCorrelation("s", one, truth), RankCorrelation("s", other, truth))["s"]
    assert found.difference == pytest.approx(gap(one, other))
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.03)


def test_interval_of_the_difference_is_that_of_the_differences() -> None:
    """For means the paired interval is the interval of the mean of the differences."""
    chance = np.random.default_rng(3)
    one = chance.exponential(size=50)
    other = one + chance.normal(0.2, 0.1, size=50)
    found = differences(means({"m": one}), means({"m": other}), resamples=800, shuffles=100)["m"]
    values = resampled(means({"m": one - other}), 800, seed=0)["m"]
    expected = stats.bootstrap(
        (one - other,),
        np.mean,
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=values),
    ).confidence_interval
    assert found.interval.to_list() == pytest.approx([expected.low, expected.high], abs=1e-9)


def test_equal_models_do_not_differ() -> None:
    values = np.random.default_rng(4).normal(size=30)
    found = differences(means({"m": values}), means({"m": values}), shuffles=50, resamples=50)["m"]
    assert (found.difference, found.p_value, found.interval.to_list()) == (0.0, 1.0, [0.0, 0.0])


def test_the_unit_of_a_metric_decides_nothing() -> None:
    """The same errors in other units: what ties with what was found, as its mirror image does, still does."""
    one, other = np.random.default_rng(8).exponential(size=(2, 5))
    found = {
        scale: differences(means({"m": one * scale}), means({"m": other * scale}), shuffles=400)["m"].p_value
        for scale in (1.0, 1e-17, 3e-17, 1e23, 3e23, 7e41)
    }
    assert set(found.values()) == {found[1.0]}
    assert 0.0 < found[1.0] < 1.0


def test_chance_alone_is_significant_in_one_of_twenty_cases() -> None:
    chance = np.random.default_rng(5)
    small = 0
    for seed in range(300):
        one, other = chance.normal(size=(2, 40))
        found = differences(means({"m": one}), means({"m": other}), resamples=2, shuffles=300, seed=seed)
        small += found["m"].p_value < 0.05
    assert 0.02 <= small / 300 <= 0.085


def test_mcnemar_by_hand() -> None:
    one = np.array([True] * 9 + [False] * 1 + [True] * 5)
    other = np.array([False] * 9 + [True] * 1 + [True] * 5)
    found = mcnemar(one, other)
    assert (found.only_one, found.only_other) == (9, 1)
    assert found.p_value == pytest.approx(2 * (1 + 10) / 2**10)  # 0 or 1 of 10, and the other tail
    assert mcnemar(one, one).p_value == 1.0


def test_rows_must_be_the_same() -> None:
    with pytest.raises(ValueError, match="the same rows, got 2 and 3"):
        differences(means({"m": np.zeros(2)}), means({"m": np.zeros(3)}))
