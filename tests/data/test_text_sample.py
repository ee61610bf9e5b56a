"""Samples of documents: the same however the corpus is cut, never fewer than two, bounded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.data import text_sample
from bertwright.data.text_sample import TextSample

DIGESTS = st.lists(st.integers(0, 2**64 - 1), max_size=12)


def sampled(digests: list[int], one_in: int, cuts: list[int]) -> list[tuple[str, ...]]:
    """The sample of documents that are named by their place, taken in chunks that end at ``cuts``."""
    whole = TextSample(one_in)
    for start, stop in pairwise([0, *sorted(min(cut, len(digests)) for cut in cuts), len(digests)]):
        chunk = TextSample(one_in)
        for place in range(start, stop):
            chunk.offer(digests[place], (str(place),))
        whole.add(chunk)
    return whole.documents


@given(DIGESTS, st.integers(1, 6), st.lists(st.integers(0, 12), max_size=4))
def test_chunks_make_no_difference(digests: list[int], one_in: int, cuts: list[int]) -> None:
    found = sampled(digests, one_in, cuts)
    assert found == sampled(digests, one_in, [])
    chosen = [(str(place),) for place, digest in enumerate(digests) if digest < 2**64 // one_in]
    assert found[: len(chosen)] == chosen
    assert len(found) == max(len(chosen), min(2, len(digests)))
    if one_in == 1:
        assert len(found) == len(digests)


def test_the_smallest_digests_fill_up() -> None:
    assert sampled([2**64 - 1, 2**63 + 5, 2**63 + 2, 2**63 + 3], 2, [1, 2]) == [("2",), ("3",)]
    assert sampled([2**64 - 1, 2**63 + 5, 7, 2**63 + 3], 2, [3]) == [("2",), ("3",)]


def test_of_long_documents_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_sample, "LONGEST", 10)
    sample = TextSample(1)
    for lines in (("12345", "12345"), ("12345", "123456"), ("12345678901", "1"), ("1",) * 11):
        sample.offer(0, lines)
    assert sample.documents == [("12345", "12345"), ("12345",), ("12345678901",), ("1",) * 10]
    assert sample.characters == 10 + 5 + 11 + 10
