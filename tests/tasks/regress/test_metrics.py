"""Regression metrics: by hand, and against stored values of SciPy and scikit-learn."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.tasks.regress.metrics import NAMES, regression_metrics


def test_by_hand() -> None:
    # deviations (-1, 0, 1) and (-1, 1, 0): covariance 1, variances 2 and 2; ranks the same
    metrics = regression_metrics([1.0, 2.0, 3.0], [0.0, 2.0, 1.0])
    assert tuple(metrics) == NAMES
    assert metrics == pytest.approx(
        {
            "pearson": 0.5,
            "spearman": 0.5,
            "pearson_and_spearman": 0.5,
            "mean_squared_error": (1 + 0 + 4) / 3,
            "mean_absolute_error": 1.0,
        }
    )


def test_golden_values() -> None:
    with gzip.open(shared_path("golden/metrics/glue.json.gz"), "rt") as file:
        cases = {name: case for name, case in json.load(file).items() if "pearson" in case}
    assert len(cases) == 6
    for name, case in cases.items():
        metrics = regression_metrics(case["references"], case["predictions"])
        for metric in ("pearson", "spearman", "pearson_and_spearman", "mean_squared_error"):
            expected = 0.0 if case[metric] is None else case[metric]  # null: undefined
            assert metrics[metric] == pytest.approx(expected, abs=1e-9), (name, metric)


@pytest.mark.parametrize(
    ("truth", "answers"), [([1.0], [2.0]), ([1.0, 2.0], [3.0, 3.0]), ([1.0, 1.0], [0.0, 2.0])]
)
def test_an_undefined_correlation_is_0(truth: list[float], answers: list[float]) -> None:
    metrics = regression_metrics(truth, answers)
    assert metrics["pearson"] == metrics["spearman"] == metrics["pearson_and_spearman"] == 0.0


@settings(deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True))
def test_correlations_do_not_depend_on_scale_and_offset(numbers: list[int]) -> None:
    metrics = regression_metrics([float(n) for n in numbers], [3.0 * n - 7 for n in numbers])
    assert metrics["pearson"] == pytest.approx(1) and metrics["spearman"] == pytest.approx(1)
    assert metrics["mean_absolute_error"] >= 0
