"""The figures of a report, counted by hand."""

from __future__ import annotations

import pytest

from bertwright.tokenization import Vocabulary
from bertwright.tokenization.learning.counting import WordCounts
from bertwright.tokenization.learning.report import Cut, longest_pieces, measure, rarest_pieces
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, "a", "b", "##a", "##b", "ab", "##ba"])


def test_by_hand() -> None:
    words = {"ab": 6, "abba": 2, "aab": 1, "zz": 1}
    fit = measure(VOCABULARY, WordCounts.of(words), 200)
    assert (fit.words, fit.distinct_words, fit.unk_words) == (10, 4, 1)
    assert fit.pieces_per_word == pytest.approx((6 * 1 + 2 * 2 + 1 * 3 + 1) / 10)
    assert fit.unk_rate == pytest.approx(0.1)
    assert fit.coverage == pytest.approx(0.6)
    assert fit.character_coverage == pytest.approx((12 + 8 + 3) / 25)
    assert fit.words_by_pieces == {"1": 0.6, "2": 0.2, "3": 0.1, "4": 0.0, "5+": 0.0}
    assert fit.examples == (Cut("abba", ("ab", "##ba")), Cut("aab", ("a", "##a", "##b")))
    assert fit.unknown == ("zz",)


def test_strange_characters_and_long_words_are_unknown() -> None:
    words = WordCounts.of({"ab": 1, "aa": 1, "b" * 9: 1})
    assert measure(VOCABULARY, words, 200, "b").unk_words == 2
    assert measure(VOCABULARY, words, 8).unk_words == 1


def test_nothing_to_measure() -> None:
    fit = measure(VOCABULARY, WordCounts.of({}), 200)
    assert (fit.words, fit.unk_rate, fit.examples) == (0, 0.0, ())


def test_longest_and_rarest() -> None:
    assert longest_pieces(["ab", "##abc", "abcd", "a"]) == ("abcd", "##abc", "ab", "a")
    assert len(longest_pieces(map(str, range(100)))) == 20
    assert rarest_pieces(["x", "y", "z"], [3, 1, 1]) == (("y", 1), ("z", 1), ("x", 3))


def test_examples_are_spread_from_frequent_to_rare() -> None:
    words = {"ab" * (n + 1) + "b": 1000 - n for n in range(99)}
    fit = measure(VOCABULARY, WordCounts.of(words), 200)
    assert len(fit.examples) <= 16
    counts = [words[example.word] for example in fit.examples]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (1000, 902)
