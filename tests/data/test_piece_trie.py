"""The tree of pieces cuts words as WordPiece does, one word at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.data.piece_trie import PieceTrie, merged
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary


def tokenizer(pieces: list[str], **values: object) -> Tokenizer:
    return Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, *pieces]), TokenizerSettings(**values))


def cut(maker: Tokenizer, words: list[str]) -> list[list[int] | None]:
    """None for a word that is not plain."""
    encoded = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    ids, counts = PieceTrie(maker).cut(np.frombuffer(b"".join(encoded), dtype=np.uint8), ends)
    places = np.cumsum([0, *np.maximum(counts, 0).tolist()])
    assert places[-1] == len(ids)
    return [
        None if count < 0 else ids[start:stop].tolist()
        for count, (start, stop) in zip(counts.tolist(), pairwise(places.tolist()), strict=True)
    ]


def test_by_hand() -> None:
    maker = tokenizer(["un", "##aff", "##able", "##a", "a", "!", "é", "##é"])
    ids = maker.vocabulary.id
    assert cut(maker, ["unaffable", "Una", "unb", "é", "!", "a\x01", ""]) == [
        [ids("un"), ids("##aff"), ids("##able")],
        [ids("un"), ids("##a")],
        [ids("[UNK]")],
        None,
        [ids("!")],
        None,
        [],
    ]


def test_case_and_length() -> None:
    cased = tokenizer(["a", "##a", "A"], do_lower_case=False, max_input_chars_per_word=3)
    ids = cased.vocabulary.id
    assert cut(cased, ["Aa", "aA", "aaa", "aaaa"]) == [
        [ids("A"), ids("##a")],
        [ids("[UNK]")],
        [ids("a"), ids("##a"), ids("##a")],
        [ids("[UNK]")],
    ]


letters = st.text("abcAB0", min_size=1, max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(letters, letters.map("##{}".format), st.just("##")), max_size=30, unique=True),
    st.lists(st.text("abcAB0", min_size=1, max_size=12), max_size=20),
    st.booleans(),
    st.integers(1, 12),
)
def test_any_pieces_and_words(pieces: list[str], words: list[str], lower: bool, longest: int) -> None:
    maker = tokenizer(pieces, do_lower_case=lower, max_input_chars_per_word=longest)
    expected = [list(maker.wordpiece.pieces(word.lower() if lower else word)) for word in words]
    assert cut(maker, words) == expected


def test_every_token_of_a_published_vocabulary() -> None:
    maker = Tokenizer.load(shared_path("data/vocab/bert-base-uncased-vocab.txt"))
    words = [token.removeprefix("##") for token in maker.vocabulary.tokens if token[0] != "["]
    words = [word for word in words if word.isascii() and (len(word) == 1 or word.isalnum())]
    assert len(words) > 27_000
    assert cut(maker, words) == [list(maker.wordpiece.pieces(word)) for word in words]


def test_other_words_come_between() -> None:
    ids, counts = merged(
        np.array([1, 2, 3], np.int32), np.array([-1, 2, -1, -1, 1]), np.array([7, 8, 9]), np.array([2, 0, 1])
    )
    assert ids.tolist() == [7, 8, 1, 2, 9, 3]
    assert counts.tolist() == [2, 2, 0, 1, 1]
