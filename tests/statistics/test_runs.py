"""Two ways of training, several runs of each: chance of rows and chance of runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, ttest_ind

from bertwright.statistics.measures import Sums, means
from bertwright.statistics.paired import differences
from bertwright.statistics.runs import differences_of_runs


def runs(values: np.ndarray) -> list[Sums]:
    """One run for each line of ``values`` (K, N)."""
    return [means({"m": line}) for line in values]


def test_rows_that_say_nothing_leave_the_test_of_welch() -> None:
    """Every row of a run has the same value: only runs differ, and that is SciPy's t-test."""
    one, other = np.array([0.71, 0.74, 0.69, 0.75]), np.array([0.66, 0.72, 0.61, 0.70])
    found = differences_of_runs(
        runs(np.repeat(one[:, None], 5, axis=1)), runs(np.repeat(other[:, None], 5, axis=1))
    )["m"]
    truth = ttest_ind(one, other, equal_var=False)
    assert found.p_value == pytest.approx(truth.pvalue, rel=1e-6)
    low, high = truth.confidence_interval(0.95)
    assert found.interval.to_list() == pytest.approx([low, high], rel=1e-6)
    assert (found.one, found.other) == pytest.approx((one.mean(), other.mean()))


def test_runs_that_agree_leave_the_rows() -> None:
    """Twice the same run is no second one: the variance is that of the rows, of which the mean's is known."""
    chance = np.random.default_rng(1)
    one, other = chance.random(400), chance.random(400) - 0.01
    found = differences_of_runs(runs(np.stack([one, one])), runs(np.stack([other, other])), resamples=4000)[
        "m"
    ]
    error = (one - other).std() / np.sqrt(400)
    assert found.p_value == pytest.approx(2 * norm.sf(abs((one - other).mean()) / error), rel=0.15)
    low, high = found.interval.to_list()
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.05)


def test_one_run_of_each_is_two_models() -> None:
    one, other = (runs(np.random.default_rng(seed).random((1, 30))) for seed in (1, 2))
    found = differences_of_runs(one, other, resamples=100, shuffles=200)["m"]
    assert found == differences(one[0], other[0], resamples=100, shuffles=200)["m"]


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.05])
def test_ways_that_are_the_same_differ_as_seldom_as_is_said(spread: float) -> None:
    """Both ways are one: rows have a difficulty, runs a luck. Rows alone call many different."""
    chance = np.random.default_rng(7)
    small = by_rows_alone = 0
    for seed in range(300):
        difficulty = chance.normal(0.8, 0.2, 300)
        luck = chance.normal(0, spread, (2, 3, 1))
        right = (chance.random((2, 3, 300)) < difficulty + luck).astype(float)
        one, other = runs(right[0]), runs(right[1])
        small += differences_of_runs(one, other, resamples=100, seed=seed)["m"].p_value < 0.05
        middle = (runs(way.mean(axis=0, keepdims=True))[0] for way in right)
        by_rows_alone += differences(*middle, resamples=2, shuffles=100, seed=seed)["m"].p_value < 0.05
    assert 0.015 <= small / 300 <= 0.08
    assert spread < 0.05 or by_rows_alone / 300 > 0.15


def test_what_answers_owe_to_runs_is_counted_once() -> None:
    """Of runs that answer every row by chance alone, their own t-test knows all that is to be known."""
    right = np.random.default_rng(5).random((2, 40, 500)) < 0.7
    found = differences_of_runs(runs(right[0]), runs(right[1]), resamples=400)["m"]
    truth = ttest_ind(*right.mean(axis=2), equal_var=False).confidence_interval(0.95)
    width = found.interval.high - found.interval.low
    assert width == pytest.approx(truth.high - truth.low, rel=0.08)


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 40))
def test_of_two_ways_it_does_not_matter_which_comes_first(seed: int, count: int, rows: int) -> None:
    chance = np.random.default_rng(seed)
    one, other = runs(chance.random((count, rows))), runs(chance.random((count, rows)))
    there = differences_of_runs(one, other, resamples=20)["m"]
    back = differences_of_runs(other, one, resamples=20)["m"]
    assert back.p_value == pytest.approx(there.p_value)
    assert back.interval.to_list() == pytest.approx([-there.interval.high, -there.interval.low])
    assert there.interval.low <= there.difference <= there.interval.high
    assert (0 < there.p_value < 0.05) == (there.interval.low > 0 or there.interval.high < 0)


def test_what_never_varies() -> None:
    same = runs(np.ones((2, 4)))
    found = differences_of_runs(same, same)["m"]
    assert (found.difference, found.p_value, found.interval.to_list()) == (0.0, 1.0, [0.0, 0.0])


def test_a_few_rows_that_are_all_alike_prove_little() -> None:
    """Nothing varies, and yet three rows would fall so in one of four cases by chance alone."""
    for right, wrong in ((1.0, 0.0), (0.7, 0.1)):
        found = differences_of_runs(runs(np.full((2, 3), right)), runs(np.full((2, 3), wrong)))["m"]
        assert found.p_value == pytest.approx(0.25, abs=0.03)
        assert (found.one, found.other) == pytest.approx((right, wrong))


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="as many runs of both, got 2 and 1"):
        differences_of_runs(runs(np.zeros((2, 3))), runs(np.zeros((1, 3))))
    with pytest.raises(ValueError, match="the same rows in every run"):
        differences_of_runs(runs(np.zeros((2, 3))), runs(np.zeros((2, 4))))
    with pytest.raises(ValueError, match="two resamples or more, got 1"):
        differences_of_runs(runs(np.zeros((2, 3))), runs(np.zeros((2, 3))), resamples=1)
