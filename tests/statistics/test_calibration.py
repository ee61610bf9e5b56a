"""Calibration: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from bertwright.statistics.calibration import brier_score, calibration


def test_by_hand() -> None:
    found = calibration(np.array([0.55, 0.6, 0.95, 1.0]), np.array([True, False, True, True]), brier=0.25)
    low, high = found.bins
    assert (low.low, low.high, low.rows) == pytest.approx((0.5, 0.6, 2))
    assert (high.low, high.high, high.rows) == pytest.approx((0.9, 1.0, 2))
    assert (low.confidence, low.accuracy, high.confidence, high.accuracy) == pytest.approx(
        (0.575, 0.5, 0.975, 1)
    )
    assert found.expected_error == pytest.approx(0.5 * 0.075 + 0.5 * 0.025)
    assert (found.confidence, found.accuracy) == pytest.approx((0.775, 0.75))
    assert found.to_dict()["brier"] == 0.25


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_bins_are_scikit_learns(rows: list[tuple[float, bool]], bins: int) -> None:
    sure, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if right.all() or not right.any():
        right[0] = not right[0]  # scikit-learn wants both
    if len(set(right.tolist())) < 2:
        return
    accuracy, confidence = calibration_curve(right, sure, n_bins=bins)
    found = calibration(sure, right, 0.0, bins)
    assert [part.accuracy for part in found.bins] == pytest.approx(accuracy.tolist())
    assert [part.confidence for part in found.bins] == pytest.approx(confidence.tolist())
    assert sum(part.rows for part in found.bins) == len(rows)
    assert 0.0 <= found.expected_error <= 1.0


def test_brier_by_hand_and_by_scikit_learn() -> None:
    three = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    truth = np.array([0, 1])
    assert brier_score(three, truth) == pytest.approx((0.09 + 0.04 + 0.01 + 0.01 + 0.81 + 0.64) / 2)
    two = np.array([[0.3, 0.7], [0.9, 0.1], [0.4, 0.6]])
    binary = np.array([1, 0, 0])
    assert brier_score(two, binary) == pytest.approx(brier_score_loss(binary, two[:, 1]))
