"""Pieces to words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.errors import UsageError
from bertwright.features.words import pool_words, word_ranges


def test_by_hand() -> None:
    ranges = word_ranges([0, 0, 1, 3, 3, 3])
    assert ranges == [(0, 2), (2, 3), (3, 6)]
    assert word_ranges([]) == []
    vectors = np.array([[1, 4], [3, 0], [7, 7], [0, 3], [6, 6], [3, 0]], np.float32)
    found = {how: pool_words(vectors, ranges, how).tolist() for how in ("first", "mean", "last", "max")}
    assert found == {
        "first": [[1, 4], [7, 7], [0, 3]],
        "mean": [[2, 2], [7, 7], [3, 3]],
        "last": [[3, 0], [7, 7], [3, 0]],
        "max": [[3, 4], [7, 7], [6, 6]],
    }
    with pytest.raises(UsageError, match="word pooling: expected one of first, mean, last, max"):
        pool_words(vectors, ranges, "sum")


@given(st.lists(st.integers(1, 5), max_size=12))
def test_ranges_cover_every_piece_once(lengths: list[int]) -> None:
    word_ids = [word for word, length in enumerate(lengths) for _ in range(length)]
    ranges = word_ranges(word_ids)
    assert [stop - start for start, stop in ranges] == lengths
    assert [place for start, stop in ranges for place in range(start, stop)] == list(range(len(word_ids)))
