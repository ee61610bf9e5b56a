"""Greedy longest match first: by hand, against a literal copy of the original, in bounded time."""

from __future__ import annotations

import json
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.tokenization import Vocabulary, WordPiece
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS
from tokenization import google

LETTERS = "abc"
PIECES = st.text(LETTERS, min_size=1, max_size=4)


def small(*tokens: str, longest: int = 200) -> WordPiece:
    return WordPiece(Vocabulary.from_tokens([*SPECIAL_TOKENS, *tokens]), longest)


def cut(wordpiece: WordPiece, word: str) -> list[str]:
    return [wordpiece.vocabulary.tokens[index] for index in wordpiece.pieces(word)]


def test_the_longest_piece_is_taken_first() -> None:
    assert cut(small("un", "unwant", "##want", "##wanted", "##ed", "##e", "##d"), "unwanted") == [
        "unwant",
        "##ed",
    ]


def test_one_missing_part_makes_the_whole_word_unknown() -> None:
    assert cut(small("un", "##want"), "unwanted") == ["[UNK]"]


def test_a_greedy_choice_is_never_taken_back() -> None:
    assert cut(small("ab", "a", "##bc"), "abc") == ["[UNK]"]


def test_a_continuation_does_not_begin_a_word_nor_a_beginning_continue_one() -> None:
    assert cut(small("a", "b", "##c"), "ab") == ["[UNK]"]
    assert cut(small("a", "b", "##c"), "c") == ["[UNK]"]


def test_a_piece_that_looks_like_a_continuation_begins_a_word_of_these_signs() -> None:
    assert cut(small("##c"), "##c") == ["##c"]


def test_an_empty_word_has_no_pieces() -> None:
    assert small("a").pieces("") == ()


def test_the_longest_word_is_a_setting() -> None:
    for longest in (99, 100, 199, 200):
        wordpiece = small("a", "##a", longest=longest)
        assert len(cut(wordpiece, "a" * longest)) == longest
        assert cut(wordpiece, "a" * (longest + 1)) == ["[UNK]"]


def test_the_cases_of_the_original() -> None:
    cases = json.loads(shared_path("data/robustness/tokenizer_cases.json").read_text("utf-8"))[
        "wordpiece_tokenizer"
    ]
    assert len(cases) == 3
    for case in cases:
        missing = [token for token in SPECIAL_TOKENS if token not in case["vocab"]]
        wordpiece = WordPiece(Vocabulary.from_tokens([*case["vocab"], *missing]))
        assert [piece for word in case["text"].split() for piece in cut(wordpiece, word)] == case["tokens"]


@settings(max_examples=300, deadline=None)
@given(
    st.sets(PIECES | PIECES.map("##{}".format), max_size=12), st.lists(st.text(LETTERS + "#", max_size=12))
)
def test_equals_the_original(tokens: set[str], words: list[str]) -> None:
    wordpiece = small(*sorted(tokens), longest=10)
    for word in words * 2:  # the second time from the cache
        assert cut(wordpiece, word) == google.wordpiece(word, wordpiece.vocabulary, 10)


def test_words_that_never_match_take_linear_time() -> None:
    wordpiece = google.tokenizer("uncased", True).wordpiece
    words = ["a" * 195 + f"{number:04}" + "☃" for number in range(1000)]  # all different, so none is cached
    started = time.process_time()
    assert {wordpiece.pieces(word) for word in words} == {(100,)}
    assert time.process_time() - started < 5
