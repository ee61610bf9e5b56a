"""Choices taken apart, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bertwright.tasks.analysis import Answered
from bertwright.tasks.choose.analysis import analyse_choices


def test_by_hand() -> None:
    examples = [SimpleNamespace(line=row + 1, shown=f"question {row}") for row in range(3)]
    task: Any = SimpleNamespace(kind="choose")
    probabilities = [np.array([0.7, 0.3]), np.array([0.2, 0.3, 0.5]), np.array([0.9, 0.1])]
    options = [["a", "b"], ["c", "d", "e"], ["f", "g"]]
    answered = Answered(task, [], [], examples, [])
    found = analyse_choices(answered, [np.log(row) for row in probabilities], np.array([0, 1, 1]), options)
    assert [(m.line, m.truth, m.answer, m.confidence) for m in found.mistakes] == [
        (3, "g", "f", 0.9),
        (2, "d", "e", 0.5),
    ]
    values = {name: float(value[0]) for name, value in found.measure.at(np.ones((1, 3))).items()}
    assert values == pytest.approx(
        {"accuracy": 1 / 3, "accuracy_2": 1 / 2, "accuracy_3": 0.0, "loss": -np.log([0.7, 0.3, 0.1]).mean()}
    )
    assert found.calibration is not None
    assert found.calibration.brier == pytest.approx((0.09 + (0.04 + 0.49 + 0.25) + 0.81) / 3)
    assert found.calibration.expected_error == pytest.approx((0.3 + 0.5 + 0.9) / 3)
