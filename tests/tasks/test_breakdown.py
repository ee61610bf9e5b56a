"""Groups of examples: by hand, and their properties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.tasks.analysis import Grouping
from bertwright.tasks.batches import Features
from bertwright.tasks.breakdown import break_down, by_length, by_truncation


def rows(lengths: list[int], examples: list[int] | None = None) -> list[Features]:
    return [
        Features(np.zeros(length, np.int32), np.zeros(length, np.int8), False, example)
        for example, length in zip(examples or range(len(lengths)), lengths, strict=True)
    ]


def test_by_hand() -> None:
    found = by_length(rows([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), 10)
    assert found.groups == ["3-4 pieces", "5-6 pieces", "7-8 pieces", "9-10 pieces", "11-12 pieces"]
    assert found.members.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    score = np.array([1.0, 0, 1, 1, 1, 0, 0, 1, 0, 1])
    first, second, *_ = break_down(found, score, confidence=0.9, resamples=200).groups
    assert (first.name, first.rows, first.score) == pytest.approx(("3-4 pieces", 2, 1 / 2))
    assert first.interval.low < 1 / 2 < first.interval.high
    assert second.to_dict() == {"name": "5-6 pieces", "rows": 2, "score": 1.0, "interval": None}


def test_windows_of_one_example_count_together() -> None:
    found = by_length(rows([10, 10, 5], [0, 0, 1]), 2)
    assert [found.groups[number] for number in found.members] == ["20 pieces", "5 pieces"]


@given(st.lists(st.integers(2, 40), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_each_example_is_in_one_group_and_groups_do_not_overlap(lengths: list[int]) -> None:
    found = by_length(rows(lengths), len(lengths))
    parts = [np.array(lengths)[found.members == number] for number in range(len(found.groups))]
    parts = [part for part in parts if len(part)]
    assert sum(map(len, parts)) == len(lengths)
    assert all(low.max() < high.min() for low, high in itertools.pairwise(parts))
    result = break_down(found, np.ones(len(lengths)), confidence=0.9, resamples=10)
    assert sum(group.rows for group in result.groups) == len(lengths)


def test_truncation_and_empty_groups() -> None:
    grouping = by_truncation(np.array([False, True, False]))
    result = break_down(grouping, np.array([1.0, 0.0, 1.0]), confidence=0.9, resamples=10)
    assert [(group.name, group.rows, group.score) for group in result.groups] == [
        ("whole", 2, 1.0),
        ("cut", 1, 0.0),
    ]
    nobody = Grouping("x", ["a", "b"], np.array([1, 1]))
    assert [group.name for group in break_down(nobody, np.ones(2), confidence=0.9, resamples=5).groups] == [
        "b"
    ]
