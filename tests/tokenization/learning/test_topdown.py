"""The top-down choice against a literal one with dictionaries."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tokenization.learning.topdown import choose_top_down, keep
from tokenization.learning.test_trie import WORDS, names, substrings, trie_of


def literal_keep(counts: Counter[str], threshold: int) -> set[str]:
    """From the longest to the shortest: keep what reaches the threshold, take its count from its prefixes."""
    left, kept = Counter(counts), set()
    for piece in sorted(counts, key=lambda piece: -len(piece.removeprefix("##"))):
        mark = "##" if piece.startswith("##") else ""
        body = piece.removeprefix("##")
        if left[piece] >= threshold or len(body) == 1:
            kept.add(piece)
            for stop in range(1, len(body)):
                left[mark + body[:stop]] -= left[piece]
    return kept


@given(WORDS, st.integers(1, 20))
def test_keep_equals_the_literal_subtraction(words: dict[str, int], threshold: int) -> None:
    trie = trie_of(words)
    counts = trie.totals(np.array(list(words.values()))[trie.word].astype(np.float64))
    chosen = keep(trie, counts, threshold, trie.depth == 1)
    assert {names(trie)[n] for n in np.flatnonzero(chosen)} == literal_keep(substrings(words), threshold)


def test_by_hand() -> None:
    # "low" is in all three words, 13 times, but the longer words take their share away.
    words = {"low": 2, "lower": 5, "lowest": 6}
    trie = trie_of(words)
    counts = trie.totals(np.array(list(words.values()))[trie.word].astype(np.float64))
    kept = keep(trie, counts, 5, np.zeros(len(trie), np.bool_))
    assert sorted(names(trie)[n] for n in np.flatnonzero(kept)) == sorted(
        ["lower", "lowest", "##ower", "##owest", "##wer", "##west", "##er", "##est", "##r", "##st", "##t"]
    )


@given(WORDS, st.integers(1, 30), st.integers(1, 3))
def test_at_most_as_many_as_wanted(words: dict[str, int], wanted: int, rounds: int) -> None:
    trie = trie_of(words)
    given_pieces = trie.depth == 1
    weights = np.array(list(words.values()))
    wanted += int(given_pieces.sum())
    choice = choose_top_down(trie, weights, wanted, given_pieces, rounds)
    assert choice.chosen.sum() <= wanted
    assert (choice.chosen | ~given_pieces).all()
    assert choice.threshold >= 1
