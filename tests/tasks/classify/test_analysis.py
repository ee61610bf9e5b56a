"""Classes taken apart: by hand, and the metrics of resampled rows against those of the rows themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from bertwright.tasks.analysis import WORST, Answered
from bertwright.tasks.batches import Features
from bertwright.tasks.classify.analysis import analyse_classes
from bertwright.tasks.classify.metrics import class_measure
from bertwright.tasks.examples import Example

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=30)


def answered(logits: Any, truth: list[int]) -> Answered:
    """Only what an analysis of classes looks at."""
    ids = np.zeros(4, np.int32)
    features = [Features(ids, ids.astype(np.int8), False, row, true) for row, true in enumerate(truth)]
    examples = [Example(f"text {row}", "other", str(true), row + 2) for row, true in enumerate(truth)]
    task: Any = SimpleNamespace(kind="classify")
    return Answered(task, list(np.asarray(logits, np.float32)), features, examples, [])


def test_by_hand() -> None:
    logs = np.log([[0.9, 0.1], [0.4, 0.6], [0.75, 0.25], [0.2, 0.8]])
    found = analyse_classes(answered(logs, [0, 0, 1, 1]), ("no", "yes"))
    assert found.right is not None and found.right.tolist() == [True, False, False, True]
    assert (found.wrong, found.score.mean(), found.score_name) == (2, 0.5, "accuracy")
    first, second = found.mistakes
    assert (first.row, first.line, first.text) == (2, 4, "text 2 | other")
    assert (first.truth, first.answer) == ("yes", "no")
    assert (first.confidence, first.badness) == pytest.approx((0.75, -np.log(0.25)))
    assert (second.row, second.confidence) == pytest.approx((1, 0.6))
    assert found.confusion is not None and found.confusion.counts.tolist() == [[1, 1], [1, 1]]
    assert [label.label for label in found.labels] == ["no", "yes"]
    assert found.calibration is not None
    assert found.calibration.brier == pytest.approx((0.01 + 0.36 + 0.5625 + 0.04) / 4)
    values = {name: float(value[0]) for name, value in found.measure.at(np.ones((1, 4))).items()}
    assert values["accuracy"] == 0.5
    assert values["loss"] == pytest.approx(-np.log([0.9, 0.4, 0.25, 0.8]).mean())
    parts = found.to_dict()
    assert set(parts) == {"mistakes", "wrong", "labels", "confusion", "calibration"}


def by_scikit_learn(truth: np.ndarray, answer: np.ndarray, labels: int) -> dict[str, float]:
    single = len({*truth.tolist(), *answer.tolist()}) == 1  # of which it warns
    found = {
        "accuracy": sklearn_metrics.accuracy_score(truth, answer),
        "f1_macro": sklearn_metrics.f1_score(truth, answer, average="macro", zero_division=0),
        "f1_weighted": sklearn_metrics.f1_score(truth, answer, average="weighted", zero_division=0),
        "matthews_correlation": 0.0 if single else sklearn_metrics.matthews_corrcoef(truth, answer),
    }
    if labels == 2:
        rates = sklearn_metrics.precision_recall_fscore_support(
            truth, answer, average="binary", pos_label=1, zero_division=0
        )
        found |= dict(zip(("precision", "recall", "f1"), rates, strict=False))
        found["accuracy_and_f1"] = (found["accuracy"] + found["f1"]) / 2
    return found


@given(ROWS, st.sampled_from([2, 4]))
@settings(max_examples=150, deadline=None)
def test_resampled_metrics_are_scikit_learns_of_the_rows(
    rows: list[tuple[int, int, int]], labels: int
) -> None:
    truth, answer, weights = (np.array(column) for column in zip(*rows, strict=True))
    truth, answer = truth % labels, answer % labels
    if not weights.any():
        weights[0] = 1
    measure = class_measure(truth, answer, labels)
    got = {name: float(value[0]) for name, value in measure.at(weights[None].astype(float)).items()}
    expected = by_scikit_learn(np.repeat(truth, weights), np.repeat(answer, weights), labels)
    assert got == pytest.approx(expected)


def test_only_the_worst_are_kept() -> None:
    logs = np.stack([np.zeros(WORST + 20), np.arange(WORST + 20) / 10 + 0.1], axis=1)
    found = analyse_classes(answered(logs, [0] * (WORST + 20)), ("no", "yes"))
    assert found.wrong == WORST + 20 and len(found.mistakes) == WORST
    assert [mistake.row for mistake in found.mistakes] == list(range(WORST + 19, 19, -1))


def test_all_right() -> None:
    found = analyse_classes(answered([[9.0, 0.0]], [0]), ("no", "yes"))
    assert found.mistakes == () and found.wrong == 0
