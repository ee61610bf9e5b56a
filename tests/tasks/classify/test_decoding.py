"""Logits to labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax

from bertwright.tasks.classify.decoding import decode, log_probabilities


def test_by_hand() -> None:
    logits = np.log(np.array([[1, 3], [2, 2]], dtype=np.float32))
    first, second = decode(logits, ["no", "yes"], [False, True])
    assert first.to_dict() == {
        "label": "yes",
        "probabilities": pytest.approx({"no": 0.25, "yes": 0.75}),
        "truncated": False,
    }
    assert second.label == "no", "of equal ones the first"
    assert second.truncated
    assert decode(np.zeros((0, 2), np.float32), ["no", "yes"], []) == []


@given(arrays(np.float32, (3, 4), elements=st.floats(-1e4, 1e4, width=32)))
def test_probabilities(logits: np.ndarray) -> None:
    np.testing.assert_allclose(
        log_probabilities(logits), log_softmax(logits.astype(np.float64), axis=1), atol=1e-9
    )
    for row in decode(logits, list("abcd"), [False] * 3):
        assert sum(row.probabilities.values()) == pytest.approx(1, abs=1e-12)
        assert row.probabilities[row.label] == max(row.probabilities.values())
