"""Rates of counted classes against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support

from bertwright.statistics.rates import Counted

CELLS = st.lists(st.booleans(), min_size=6, max_size=6)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=10))
@settings(max_examples=100, deadline=None)
def test_sets_of_labels(rows: list[tuple[list[bool], list[bool]]]) -> None:
    truth, answer = (np.array(side) for side in zip(*rows, strict=True))
    sums = [part.sum(axis=0)[None].astype(float) for part in (truth & answer, truth, answer)]
    counted = Counted(*sums)
    expected = precision_recall_fscore_support(truth, answer, average="micro", zero_division=0)[:3]
    micro = counted.micro()
    assert [float(micro[name][0]) for name in ("precision", "recall", "f1")] == pytest.approx(expected)
    occurring = np.flatnonzero((truth | answer).any(axis=0))
    macro = (
        f1_score(truth, answer, labels=occurring, average="macro", zero_division=0) if len(occurring) else 0
    )
    assert counted.macro_f1()[0] == pytest.approx(macro)
    weighted = f1_score(truth, answer, average="weighted", zero_division=0)
    assert counted.weighted_f1()[0] == pytest.approx(weighted)


def test_by_hand() -> None:
    counted = Counted(np.array([[1.0, 0, 0]]), np.array([[2.0, 1, 0]]), np.array([[1.0, 0, 0]]))
    assert counted.f1.tolist() == [[pytest.approx(2 / 3), 0, 0]]
    assert counted.macro_f1().tolist() == pytest.approx([1 / 3])
    assert counted.weighted_f1().tolist() == pytest.approx([4 / 9])
    assert {name: value[0] for name, value in counted.micro().items()} == pytest.approx(
        {"precision": 1.0, "recall": 1 / 3, "f1": 1 / 2}
    )
