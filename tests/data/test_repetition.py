from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertwright.data.repetition import repetition


def digests(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def test_by_hand() -> None:
    found = repetition(digests(7, 8, 7, 9, 7, 8), np.array([10, 1, 10, 5, 10, 1]))
    assert found.copies == 3
    assert found.share == 21 / 37
    assert found.most == ((7, 3), (8, 2))


def test_nothing_repeats() -> None:
    found = repetition(digests(1, 2**64 - 1), np.array([4, 4]))
    assert (found.copies, found.share, found.most) == (0, 0.0, ())


def test_nothing_at_all() -> None:
    found = repetition(digests(), np.array([], np.int64))
    assert (found.copies, found.share, found.most) == (0, 0.0, ())


@given(st.lists(st.integers(0, 6), max_size=40))
def test_counts_like_a_counter(values: list[int]) -> None:
    found = repetition(digests(*values), np.array([value + 1 for value in values], np.int64), shown=99)
    counts = Counter(values)
    assert found.copies == len(values) - len(counts)
    extra = sum((count - 1) * (value + 1) for value, count in counts.items())
    assert found.share == extra / max(1, sum(value + 1 for value in values))
    assert dict(found.most) == {value: count for value, count in counts.items() if count > 1}
