"""Metrics of weighted rows: by hand, against repeating the rows, and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bertwright.statistics.correlations import LinearCorrelation, RankCorrelation
from bertwright.statistics.measures import Measure, Together, means, ratio

SMALL = st.integers(-3, 3).map(float)
ROWS = st.lists(st.tuples(SMALL, SMALL, st.integers(0, 3)), min_size=1, max_size=12)


def correlations(x: np.ndarray, y: np.ndarray) -> Together:
    return Together([LinearCorrelation("pearson", x, y), RankCorrelation("spearman", x, y), means({"x": x})])


def by_scipy(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    if len(x) == 0:
        return {"pearson": 0.0, "spearman": 0.0, "x": 0.0}
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"pearson": 0.0, "spearman": 0.0, "x": float(x.mean())}
    return {
        "pearson": float(stats.pearsonr(x, y).statistic) if len(x) > 1 else 0.0,
        "spearman": float(stats.spearmanr(x, y).statistic) if len(x) > 1 else 0.0,
        "x": float(x.mean()),
    }


def test_by_hand() -> None:
    measure = means({"accuracy": np.array([1, 0, 0]), "loss": np.array([0.5, 1.0, 3.0])})
    values = measure.at(np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]]))
    assert values["accuracy"].tolist() == pytest.approx([1 / 3, 0, 0])
    assert values["loss"].tolist() == pytest.approx([1.5, 7 / 3, 0])
    assert measure.without_each()["loss"].tolist() == pytest.approx([2.0, 1.75, 0.75])
    assert ratio(np.array([1.0, 2.0]), np.array([0.0, 4.0])).tolist() == [0.0, 0.5]


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_a_weight_is_a_repetition(rows: list[tuple[float, float, int]]) -> None:
    x, y, counts = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    times = counts.astype(int)
    got = correlations(x, y).at(counts[None, :])
    expected = by_scipy(np.repeat(x, times), np.repeat(y, times))
    assert {name: float(value[0]) for name, value in got.items()} == pytest.approx(expected, abs=1e-7)


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_without_each_row(rows: list[tuple[float, float, int]]) -> None:
    x, y, _ = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    got = correlations(x, y).without_each()
    for row in range(len(x)):
        expected = by_scipy(np.delete(x, row), np.delete(y, row))
        assert {name: float(value[row]) for name, value in got.items()} == pytest.approx(expected, abs=1e-7)


@given(ROWS, st.data())
@settings(max_examples=100, deadline=None)
def test_exchanged_rows(rows: list[tuple[float, float, int]], data: st.DataObject) -> None:
    x, y, z = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    swaps = np.array(data.draw(st.lists(st.booleans(), min_size=len(x), max_size=len(x))))
    got = correlations(x, y).exchanged(correlations(z, y), swaps[None, :])
    expected = by_scipy(np.where(swaps, z, x), y)
    assert {name: float(value[0]) for name, value in got.items()} == pytest.approx(expected, abs=1e-7)


def test_values_far_from_zero_lose_nothing() -> None:
    x = 1e8 + np.array([0.0, 1.0, 2.0, 4.0])
    y = -1e7 + np.array([1.0, 0.0, 3.0, 3.5])
    measure: Measure = LinearCorrelation("pearson", x, y)
    assert measure.at(np.ones((1, 4)))["pearson"][0] == pytest.approx(
        stats.pearsonr(x, y).statistic, abs=1e-9
    )
