from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.data import truncation
from bertwright.data.truncation import truncate, truncate_rows

KEYS = st.integers(0, 2**64 - 1)


def kernel(a: int, b: int, most: int, key: int, index: int) -> tuple[tuple[int, int], tuple[int, int]]:
    columns = [np.array([value], np.int64) for value in (1000, a, 5000, b)]
    streams = [np.array([value], np.uint64) for value in (key, index)]
    truncate_rows(*columns, most, *streams)
    a_start, a_length, b_start, b_length = (int(column[0]) for column in columns)
    front_a, front_b = a_start - 1000, b_start - 5000
    return (front_a, a - a_length - front_a), (front_b, b - b_length - front_b)


def original(a: list[int], b: list[int], most: int, rng: random.Random) -> tuple[int, int]:
    """``truncate_seq_pair``; how many tokens each loses."""
    lengths = len(a), len(b)
    while len(a) + len(b) > most:
        longer = a if len(a) > len(b) else b
        if rng.random() < 0.5:
            del longer[0]
        else:
            longer.pop()
    return lengths[0] - len(a), lengths[1] - len(b)


@pytest.mark.parametrize(
    "a, b, most, cut_a, cut_b",
    [
        (5, 5, 10, 0, 0),
        (5, 5, 9, 0, 1),  # equally long: B
        (5, 5, 8, 1, 1),
        (6, 5, 9, 1, 1),
        (9, 2, 6, 5, 0),
        (2, 9, 6, 0, 5),
        (1, 1, 2, 0, 0),
        (100, 0, 60, 40, 0),  # a single segment
    ],
)
def test_who_loses_how_much(a: int, b: int, most: int, cut_a: int, cut_b: int) -> None:
    cuts = truncate(a, b, most, 7, 3)
    assert (sum(cuts[0]), sum(cuts[1])) == (cut_a, cut_b)


def test_bits_decide_front_or_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truncation, "philox", lambda key, index, number: (0b0111, 0, 0, 0))
    assert truncate(15, 1, 10, 0, 0) == ((3, 3), (0, 0))
    assert truncate(12, 1, 10, 0, 0) == ((3, 0), (0, 0))


@given(
    st.integers(1, 700),
    st.integers(0, 700),
    st.integers(2, 300),
    st.integers(0, 2**64 - 1),
    st.integers(0, 99),
)
@settings(deadline=None)
def test_kernel_equals_definition_and_original(a: int, b: int, most: int, key: int, index: int) -> None:
    cuts = truncate(a, b, most, key, index)
    assert kernel(a, b, most, key, index) == cuts
    expected = original([0] * a, [0] * b, most, random.Random(0))
    assert (sum(cuts[0]), sum(cuts[1])) == expected


def test_a_sentence_of_a_million_tokens() -> None:
    (front, back), other = kernel(1_000_000, 40, 125, 5, 1)
    assert other == (0, 0)
    assert front + back == 1_000_000 - 85
    assert abs(front / (front + back) - 0.5) < 0.003


def test_front_and_back_are_binomial() -> None:
    fronts = np.array([truncate(40, 1, 31, 11, index)[0][0] for index in range(4000)])
    assert abs(fronts.mean() - 5) < 0.1
    assert abs(fronts.var() - 2.5) < 0.25
