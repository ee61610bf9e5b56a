"""Pieces from words: exact on a few words, promises on any."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tokenization import TokenizerSettings, Vocabulary, WordPiece
from bertwright.tokenization.learning import learner
from bertwright.tokenization.learning.counting import WordCounts
from bertwright.tokenization.learning.learner import learn_pieces
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

UNCASED = TokenizerSettings()
DOZEN = {
    "low": 500,
    "lower": 200,
    "lowest": 60,
    "new": 600,
    "newer": 300,
    "newest": 3,
    "wide": 300,
    "wider": 4,
    "widest": 5,
    "old": 900,
    "older": 5,
    "oldest": 6,
}
LETTERS = ["d", "e", "i", "l", "n", "o", "r", "s", "t", "w"]
WORDS = st.dictionaries(
    st.text("aábc.漢", min_size=1, max_size=8), st.integers(1, 50), min_size=1, max_size=30
)


def learn(counts: dict[str, int], room: int) -> list[str]:
    return learn_pieces(WordCounts.of(counts), room, UNCASED).pieces


def cut(pieces: list[str], word: str) -> list[str]:
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *pieces])
    return [vocabulary.tokens[index] for index in WordPiece(vocabulary).pieces(word)]


class TestByHand:
    def test_a_dozen_words(self) -> None:
        learned = learn_pieces(WordCounts.of(DOZEN), 20 + 8, UNCASED)
        assert learned.pieces[:20] == LETTERS + ["##" + letter for letter in LETTERS]
        # Frequent words whole; the ending that two rare words share before either of them.
        assert learned.pieces[20:] == ["old", "new", "low", "wide", "newer", "lower", "lowest", "##est"]
        assert learned.uses.tolist() == [900 + 5 + 6, 600 + 3, 500, 300 + 4 + 5, 300, 200, 60, 3 + 6]
        assert cut(learned.pieces, "oldest") == ["old", "##est"]
        assert cut(learned.pieces, "wider") == ["wide", "##r"]
        assert cut(learned.pieces, "widest") == ["wide", "##s", "##t"]
        assert cut(learned.pieces, "slow") == ["s", "##l", "##o", "##w"]

    def test_with_room_for_all_every_word_is_a_piece(self) -> None:
        learned = learn_pieces(WordCounts.of(DOZEN), 1000, UNCASED)
        assert len(learned.pieces) == 20 + 12
        assert all(cut(learned.pieces, word) == [word] for word in DOZEN)
        assert learned.uses.tolist() == sorted(DOZEN.values(), reverse=True)

    def test_one_repeated_character(self) -> None:
        assert learn({"aaaa": 100}, 50) == ["a", "##a", "aaaa"]
        assert learn({"a": 100}, 50) == ["a", "##a"]

    def test_only_characters_that_stand_alone(self) -> None:
        assert learn({"漢": 5, ".": 3}, 50) == [".", "漢"]

    def test_more_words_give_characters_but_no_pieces(self) -> None:
        more = WordCounts.of({"zzz": 1000})
        found = learn_pieces(WordCounts.of({"ab": 9}), 50, UNCASED, more=more)
        assert found.pieces == ["a", "b", "z", "##a", "##b", "##z", "ab"]

    def test_words_beyond_the_longest_teach_no_pieces(self) -> None:
        short = TokenizerSettings(max_input_chars_per_word=3)
        found = learn_pieces(WordCounts.of({"abcd": 900, "abc": 5}), 50, short)
        assert found.pieces[8:] == ["abc"]

    def test_rare_characters_give_way_where_room_is_short(self) -> None:
        words = {f"{a}{b}{c}": 200 for a in "abcdefgh" for b in "abcdefgh" for c in "abcd"} | {
            "é": 1,
            "aé": 1,
        }
        assert "é" in learn(words, 400) and "é" not in learn(words, 40)
        # A word with such a character weighs nothing then, though it is still among the words.
        assert len(learn(words, 40)) == 40


class TestPromises:
    @given(WORDS, st.integers(1, 60))
    def test_size_and_alphabet(self, counts: dict[str, int], room: int) -> None:
        learned = learn_pieces(WordCounts.of(counts), room, UNCASED)
        assert len(learned.pieces) <= room
        assert len(set(learned.pieces)) == len(learned.pieces)
        letters = Counter("".join(counts))
        alphabet = set(map(chr, learned.alphabet.codes))
        if room > 4 * len(letters):
            assert alphabet == set(letters)
        for word in counts:
            if set(word) <= alphabet and not (len(word) > 1 and set(word) & set(".漢")):
                assert "".join(cut(learned.pieces, word)).replace("##", "") == word

    @given(WORDS, st.integers(1, 40))
    def test_any_word_of_the_alphabet_can_be_cut(self, counts: dict[str, int], room: int) -> None:
        learned = learn_pieces(WordCounts.of(counts), room, UNCASED)
        letters = [
            chr(c)
            for c, alone in zip(learned.alphabet.codes, learned.alphabet.alone, strict=True)
            if not alone
        ]
        word = "".join(letters + letters[::-1])
        assert not word or "[UNK]" not in cut(learned.pieces, word)

    @given(WORDS, st.integers(1, 40))
    def test_order_of_the_words_is_nothing(self, counts: dict[str, int], room: int) -> None:
        assert learn(counts, room) == learn(dict(reversed(counts.items())), room)

    @given(WORDS)
    def test_more_room_never_costs_pieces_on_the_whole(self, counts: dict[str, int]) -> None:
        words = {word: count for word, count in counts.items() if not set(word) & set(".漢")}
        if not words:
            return
        costs = []
        for room in (20, 1000):
            pieces = learn(words, room)
            costs.append(sum(count * len(cut(pieces, word)) for word, count in words.items()))
        assert costs[1] == sum(words.values()) <= costs[0]

    def test_only_the_heaviest_words_teach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(learner, "MAX_WORDS", 2)
        assert learn({"ab": 3, "bc": 9, "cd": 7}, 50)[8:] == ["bc", "cd"]
