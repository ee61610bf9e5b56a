"""Numbers taken apart: by hand, and against scipy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bertwright.statistics.bootstrap import intervals
from bertwright.statistics.paired import differences
from bertwright.tasks.analysis import Analysis, Answered
from bertwright.tasks.regress.analysis import analyse_numbers
from bertwright.tasks.regress.metrics import number_measure


def analysed(truth: list[float], answer: list[float]) -> Analysis:
    examples = [SimpleNamespace(line=row + 2, shown=f"text {row}") for row in range(len(truth))]
    task: Any = SimpleNamespace(kind="regress")
    return analyse_numbers(
        Answered(task, [], [], examples, []), np.array(truth), np.array(answer), np.array(answer) + 1
    )


def test_by_hand() -> None:
    found = analysed([1.0, 2.0, 4.0], [1.0, 2.5, 2.0])
    assert [(m.line, m.truth, m.answer, m.badness) for m in found.mistakes] == [
        (4, "4", "2", 2.0),
        (3, "2", "2.5", 0.5),
    ]
    assert found.wrong == 2 and found.score.tolist() == [0.0, 0.5, 2.0]
    values = {name: float(value[0]) for name, value in found.measure.at(np.ones((1, 3))).items()}
    assert values["mean_squared_error"] == pytest.approx(4.25 / 3)
    assert values["spearman"] == pytest.approx(0.5)
    assert values["loss"] == pytest.approx((1 + 1.5**2 + 1) / 3)
    pearson = stats.pearsonr([1.0, 2.0, 4.0], [1.0, 2.5, 2.0]).statistic
    assert values["pearson_and_spearman"] == pytest.approx((0.5 + pearson) / 2)


ROWS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2)), min_size=1, max_size=20)


def by_scipy(truth: np.ndarray, answer: np.ndarray) -> dict[str, float]:
    varied = np.ptp(truth) > 0 and np.ptp(answer) > 0
    pearson, spearman = (
        float(correlation(truth, answer).statistic) if varied else 0.0
        for correlation in (stats.pearsonr, stats.spearmanr)
    )
    return {
        "pearson": pearson,
        "spearman": spearman,
        "pearson_and_spearman": (pearson + spearman) / 2,
        "mean_squared_error": float(((truth - answer) ** 2).mean()),
        "mean_absolute_error": float(np.abs(truth - answer).mean()),
    }


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_resampled_metrics_are_scipys_of_the_rows(rows: list[tuple[int, int, int]]) -> None:
    truth, answer, weights = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    weights[0] = 1
    measure = number_measure(truth, answer)
    got = {name: float(value[0]) for name, value in measure.at(weights[None]).items()}
    times = weights.astype(int)
    assert got == pytest.approx(by_scipy(np.repeat(truth, times), np.repeat(answer, times)), abs=1e-7)


def test_intervals_and_differences_of_every_metric() -> None:
    chance = np.random.default_rng(0)
    truth = chance.normal(size=60)
    near, far = truth + chance.normal(0, 0.3, 60), truth + chance.normal(0, 2, 60)
    found = intervals(number_measure(truth, near), resamples=200)
    assert set(found) == {
        "pearson",
        "spearman",
        "pearson_and_spearman",
        "mean_squared_error",
        "mean_absolute_error",
    }
    assert all(part.low < part.high for part in found.values())
    gaps = differences(number_measure(truth, near), number_measure(truth, far), resamples=50, shuffles=200)
    assert {part.p_value for part in gaps.values()} == {1 / 201}
