"""Tables of classes: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from bertwright.statistics.classes import Confusion


def test_by_hand() -> None:
    found = Confusion.of(["a", "b", "c"], np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]))
    assert found.counts.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    a, b, c = found.scores()
    assert (a.precision, a.recall, a.f1, a.support, a.given) == (0.5, 0.5, 0.5, 2, 2)
    assert (b.precision, b.recall, b.support) == pytest.approx((2 / 3, 2 / 3, 3))
    assert (c.precision, c.recall, c.f1, c.support, c.given) == (0.0, 0.0, 0.0, 0, 0)
    assert found.most_confused() == [("a", "b", 1), ("b", "a", 1)]
    assert found.to_dict()["labels"] == ["a", "b", "c"]
    assert b.to_dict()["label"] == "b"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=80))
@settings(max_examples=100, deadline=None)
def test_scikit_learns(rows: list[tuple[int, int]]) -> None:
    truth, given_ = (np.array(column) for column in zip(*rows, strict=True))
    found = Confusion.of("abcde", truth, given_)
    labels = list(range(5))
    assert found.counts.tolist() == confusion_matrix(truth, given_, labels=labels).tolist()
    expected = precision_recall_fscore_support(truth, given_, labels=labels, zero_division=0)
    for place, values in enumerate(zip(*expected, strict=True)):
        score = found.scores()[place]
        assert (score.precision, score.recall, score.f1, score.support) == pytest.approx(values)
    wrong = sum(count for *_, count in found.most_confused(100))
    assert wrong == int((truth != given_).sum())
