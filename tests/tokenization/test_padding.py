"""Rows as rectangles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tokenization.padding import length_groups, pad, padding_mask


def test_by_hand() -> None:
    assert pad([[1, 2], [3], []], 7).tolist() == [[1, 2], [3, 7], [7, 7]]
    mask = padding_mask([2, 1, 0])
    assert mask is not None and mask.tolist() == [[True, True], [True, False], [False, False]]
    assert padding_mask([2, 2]) is None
    assert [group.tolist() for group in length_groups([3, 9, 1, 3], 6)] == [[1], [0, 3], [2]]
    assert length_groups([], 6) == []
    assert [g.tolist() for g in length_groups([3, 3, 2, 2, 1], 9, even_from=6)] == [[0, 1], [2, 3, 4]]
    assert [g.tolist() for g in length_groups([3, 3, 2, 2, 1], 9, even_from=7)] == [[0, 1, 2], [3, 4]]


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 100))
def test_groups(lengths: list[int], most: int) -> None:
    groups = length_groups(lengths, most)
    assert sorted(index for group in groups for index in group.tolist()) == list(range(len(lengths)))
    longest = [max(lengths[index] for index in group) for group in groups]
    assert longest == sorted(longest, reverse=True)
    for group, width in zip(groups, longest, strict=True):
        assert len(group) * width <= most or len(group) == 1


@given(st.lists(st.integers(1, 12), max_size=60), st.integers(1, 100), st.integers(1, 100))
def test_even_groups(lengths: list[int], most: int, even_from: int) -> None:
    """A group has padding only where its longest rows alone are too few tokens."""
    groups = length_groups(lengths, most, even_from=even_from)
    assert sorted(index for group in groups for index in group.tolist()) == list(range(len(lengths)))
    for group in groups:
        own = [lengths[index] for index in group]
        assert len(own) * max(own) <= most or len(own) == 1
        assert len(set(own)) == 1 or own.count(max(own)) * max(own) < even_from


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=6))
def test_padding_adds_nothing_else(rows: list[list[int]]) -> None:
    padded, lengths = pad(rows, -1), [len(row) for row in rows]
    mask = padding_mask(lengths)
    assert padded.dtype == np.int64 and padded.shape == (len(rows), max(lengths))
    for index, row in enumerate(rows):
        assert padded[index][: len(row)].tolist() == row
        assert (padded[index][len(row) :] == -1).all()
        assert mask is None or mask[index].sum() == len(row)
