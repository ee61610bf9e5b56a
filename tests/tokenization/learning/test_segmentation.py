"""Cutting all words at once against WordPiece, word by word."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tokenization import Vocabulary, WordPiece
from bertwright.tokenization.learning.segmentation import Segmentation
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS
from tokenization.learning.test_trie import WORDS, names, trie_of


@given(WORDS, st.randoms(use_true_random=False))
def test_equals_wordpiece(words: dict[str, int], random: object) -> None:
    trie = trie_of(words)
    text = names(trie)
    chosen = np.array(
        [n > 1 and (trie.depth[n] == 1 or random.random() < 0.3) for n in range(len(trie))]  # type: ignore[attr-defined]
    )
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *(text[n] for n in np.flatnonzero(chosen))])
    cutter = WordPiece(vocabulary)
    expected = [vocabulary.tokens[index] for word in words for index in cutter.pieces(word)]
    cut = Segmentation.of(trie, chosen)
    assert [text[node] for node in cut.pieces] == expected
    assert cut.costs[trie.starts[:-1]].tolist() == [len(cutter.pieces(word)) for word in words]


def test_uses_by_hand() -> None:
    trie = trie_of({"aba": 1, "abb": 1})
    text = names(trie)
    chosen = np.array([name in {"a", "##a", "##b", "ab"} for name in text])
    uses = Segmentation.of(trie, chosen).uses(trie, np.array([5, 2]))
    assert {text[n]: int(uses[n]) for n in np.flatnonzero(uses)} == {"ab": 7, "##a": 5, "##b": 2}


def test_unknown_characters_are_passed_over() -> None:
    trie = trie_of({"ab": 1})
    cut = Segmentation.of(trie, np.zeros(len(trie), np.bool_))
    assert (cut.cuts.tolist(), cut.pieces.tolist(), cut.costs.tolist()) == ([0, 1], [0, 0], [2, 1, 0])
