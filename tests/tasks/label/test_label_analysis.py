"""Sets of labels taken apart: by hand, and against scikit-learn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import logit
from sklearn.metrics import f1_score, log_loss

from bertwright.tasks.analysis import Answered
from bertwright.tasks.label.analysis import analyse_labels
from bertwright.tasks.label.metrics import label_measure


def test_by_hand() -> None:
    examples = [SimpleNamespace(line=row + 1, shown=f"text {row}") for row in range(3)]
    task: Any = SimpleNamespace(kind="multi-label")
    probabilities = np.array([[0.9, 0.2], [0.6, 0.4], [0.1, 0.2]])
    truth = np.array([[True, False], [True, True], [False, False]])
    answered = Answered(task, [], [], examples, [])
    found = analyse_labels(answered, ["red", "blue"], logit(probabilities), truth, probabilities > 0.5)
    assert [(m.line, m.truth, m.answer) for m in found.mistakes] == [(2, "red, blue", "red")]
    assert found.score.tolist() == [1.0, 0.0, 1.0]
    red, blue = found.labels
    assert (red.support, red.given, red.f1, blue.support, blue.given, blue.f1) == (2, 2, 1.0, 1, 0, 0.0)
    values = {name: float(value[0]) for name, value in found.measure.at(np.ones((1, 3))).items()}
    assert values["exact_match"] == pytest.approx(2 / 3)
    assert (values["f1_micro"], values["f1_macro"], values["f1_samples"]) == pytest.approx(
        (4 / 5, 1 / 2, 8 / 9)
    )
    losses = [log_loss(truth[:, place], probabilities[:, place]) for place in range(2)]
    assert values["loss"] == pytest.approx(np.mean(losses))
    assert found.calibration is not None
    assert (found.calibration.of, found.calibration.counted) == ("labels", "true")
    assert found.calibration.brier == pytest.approx((0.01 + 0.04 + 0.16 + 0.36 + 0.01 + 0.04) / 6)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_against_scikit_learn(share: float) -> None:
    chance = np.random.default_rng(1)
    truth, given = chance.random((2, 40, 5)) < share
    weights = chance.integers(0, 3, size=(1, 40))
    values = label_measure(truth, given).at(weights.astype(np.float64))
    drawn = [np.repeat(side, weights[0], axis=0) for side in (truth, given)]
    undefined: Any = 1.0 if share == 0 else 0.0
    for average, division in (("micro", undefined), ("macro", undefined), ("samples", 1.0)):
        expected = f1_score(*drawn, average=average, zero_division=division)
        assert values[f"f1_{average}"][0] == pytest.approx(expected), average
    assert values["exact_match"][0] == pytest.approx((drawn[0] == drawn[1]).all(axis=1).mean())
