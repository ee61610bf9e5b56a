"""Classification metrics: by hand, and against stored values of scikit-learn."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest
from shared import shared_path

from bertwright.statistics.classes import Confusion
from bertwright.tasks.classify.metrics import NAMES, classification_metrics


def test_by_hand() -> None:
    # true positives 2, false positives 1, false negatives 1, true negatives 1
    metrics = classification_metrics([1, 1, 1, 0, 0], [1, 1, 0, 1, 0], 2)
    assert metrics == pytest.approx(
        {
            "accuracy": 3 / 5,
            "f1": 2 / 3,
            "precision": 2 / 3,
            "recall": 2 / 3,
            "f1_macro": (2 / 3 + 1 / 2) / 2,
            "f1_weighted": (3 * 2 / 3 + 2 * 1 / 2) / 5,
            "matthews_correlation": (2 * 1 - 1 * 1) / (3 * 3 * 2 * 2) ** 0.5,
            "accuracy_and_f1": (3 / 5 + 2 / 3) / 2,
        }
    )
    assert set(metrics) == set(NAMES)


def golden() -> dict[str, dict[str, Any]]:
    with gzip.open(shared_path("golden/metrics/glue.json.gz"), "rt") as file:
        cases: dict[str, dict[str, Any]] = json.load(file)
    return {name: case for name, case in cases.items() if "accuracy" in case}


def test_golden_values() -> None:
    cases = golden()
    assert len(cases) == 10
    for name, case in cases.items():
        binary = case["accuracy_and_f1"] is not None
        labels = 2 if binary else max(case["references"]) + 1
        metrics = classification_metrics(case["references"], case["predictions"], labels)
        assert len(metrics) == (8 if binary else 4)
        for metric, value in metrics.items():
            assert value == pytest.approx(case[metric], abs=1e-9), (name, metric)
        if name != "one_example":  # there the stored matrix has only the label that occurs
            sides = (np.array(case[side]) for side in ("references", "predictions"))
            found = Confusion.of([str(number) for number in range(labels)], *sides)
            assert found.counts.tolist() == case["confusion_matrix"]
