"""The tree of substrings against plain dictionaries."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tokenization.learning.trie import FIRST, LATER, Trie

WORDS = st.dictionaries(st.text("abcé", min_size=1, max_size=7), st.integers(1, 9), min_size=1, max_size=12)


def trie_of(words: dict[str, int], support: int = 1) -> Trie:
    """The trie of words with their weights."""
    characters = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    lengths = np.array([len(word) for word in words], np.int64)
    return Trie.build(characters, lengths, np.array(list(words.values()), np.int64), support)


def names(trie: Trie) -> list[str]:
    """The substring of each node, those that continue a word with ``##``."""
    found = trie.texts(np.arange(2, len(trie)))
    marks = ["##" if root == LATER else "" for root in trie.root[2:]]
    return ["", "##", *(mark + text for mark, text in zip(marks, found, strict=True))]


def substrings(words: dict[str, int]) -> Counter[str]:
    """Every substring with the weight of its occurrences."""
    found: Counter[str] = Counter()
    for word, weight in words.items():
        for start in range(len(word)):
            for stop in range(start + 1, len(word) + 1):
                found[("##" if start else "") + word[start:stop]] += weight
    return found


def test_by_hand() -> None:
    trie = trie_of({"aba": 2, "ab": 1})
    assert names(trie) == ["", "##", "a", "##a", "##b", "ab", "##ba", "aba"]
    assert trie.parent.tolist() == [-1, -1, FIRST, LATER, LATER, 2, 4, 5]
    assert trie.depth.tolist() == [0, 0, 1, 1, 1, 2, 2, 3]
    assert trie.starts.tolist() == [0, 3, 5]
    assert trie.remaining.tolist() == [3, 2, 1, 2, 1]
    assert [names(trie)[leaf] for leaf in trie.leaf] == ["aba", "##ba", "##a", "ab", "##b"]


@given(WORDS, st.integers(1, 12))
def test_nodes_are_the_heavy_substrings(words: dict[str, int], support: int) -> None:
    trie = trie_of(words, support)
    heavy = {
        piece
        for piece, weight in substrings(words).items()
        if weight >= support or len(piece.removeprefix("##")) == 1
    }
    assert sorted(names(trie)[2:]) == sorted(heavy)


@given(WORDS)
def test_totals(words: dict[str, int]) -> None:
    trie = trie_of(words)
    weights = np.array(list(words.values()))[trie.word].astype(np.float64)
    totals = dict(zip(names(trie)[2:], trie.totals(weights)[2:].tolist(), strict=True))
    assert totals == dict(substrings(words))


@given(WORDS, st.randoms(use_true_random=False))
def test_longest_chosen_ancestor(words: dict[str, int], random: object) -> None:
    trie = trie_of(words)
    chosen = np.array([n > 1 and random.random() < 0.4 for n in range(len(trie))])  # type: ignore[attr-defined]
    text = names(trie)
    for node, nearest in enumerate(trie.longest(chosen)):
        above = node
        while above > LATER and not chosen[above]:
            above = int(trie.parent[above])
        assert nearest == (above if above > LATER else FIRST), text[node]


def test_suffixes_by_what_remains() -> None:
    trie = trie_of({"abc": 1, "b": 1, "ab": 1})
    groups = [sorted(group.tolist()) for group in trie.by_remaining]
    assert groups == [[2, 3, 5], [1, 4], [0]]


def test_no_words() -> None:
    trie = trie_of({})
    assert (len(trie), trie.by_remaining) == (2, ())
