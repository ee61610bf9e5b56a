"""Which words become pieces of their own, and that everything else stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_models
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.errors import UsageError, VocabularyError
from bertwright.tokenization.learning.corpus_words import CorpusWords, read_words
from bertwright.tokenization.learning.counting import SCALE, WordCounts
from bertwright.tokenization.learning.extension import extend, unused_ids
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import Vocabulary

NOTHING = WordCounts.of({})


def words(counts: dict[str, int]) -> CorpusWords:
    """Words that occur so often, each time in another passage."""
    return CorpusWords(WordCounts.of(counts), NOTHING, "", ())


def test_by_hand() -> None:
    """sea: known. zz: 2 pieces in 10 passages saves 8.5; xyxy: 4 pieces in 5 saves 10.5; q?: one passage."""
    small = small_models.tokenizer()
    extension = extend(small, words({"sea": 99, "zz": 10, "xyxy": 5, "qq": 1}), 5)
    assert [(piece.word, piece.count) for piece in extension.pieces] == [("xyxy", 5), ("zz", 10)]
    size = len(small.vocabulary)
    assert [piece.id for piece in extension.pieces] == [size, size + 1]
    tokens = small.vocabulary.tokens
    assert [tokens[part] for part in extension.pieces[0].parts] == ["x", "##y", "##x", "##y"]
    assert extension.tokenizer.vocabulary.tokens == (*tokens, "xyxy", "zz")
    assert extension.before.pieces_per_word == pytest.approx((99 + 20 + 20 + 2) / 115)
    assert extension.after.pieces_per_word == pytest.approx((99 + 10 + 5 + 2) / 115)
    assert extension.measured_on.startswith("the corpus itself")


def test_equally_useful_words_come_by_their_text() -> None:
    counts = {"zz": 9, "aa": 9, "kk": 9}
    extension = extend(small_models.tokenizer(), words(counts), 2)
    assert [piece.word for piece in extension.pieces] == ["aa", "kk"]


def test_bursts_count_less() -> None:
    """A word that one passage has a hundred times is not added; weights are sums of roots over passages."""
    counts = WordCounts.of({"aa": 100, "kk": 4})
    bursty = WordCounts(counts.words, counts.counts, np.array([1 * SCALE, 4 * SCALE]))
    extension = extend(small_models.tokenizer(), CorpusWords(bursty, NOTHING, "", ()), 2)
    assert [piece.word for piece in extension.pieces] == ["kk"]


def test_unknown_words_are_added_too() -> None:
    extension = extend(small_models.tokenizer(), words({"þorn": 9, "zz": 9}), 2)
    small = small_models.tokenizer()
    assert extension.pieces[0].word == "þorn", "it loses four characters, zz one piece"
    assert extension.pieces[0].parts == (small.vocabulary.unk_id,)
    assert extension.before.unk_words == 9 and extension.after.unk_words == 0


def test_unknown_characters_that_stand_alone_are_added_too(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("sea 漢 is 漢 … sea\n\n" * 300, "utf-8")
    small = small_models.tokenizer()
    extension = extend(small, read_words([tmp_path / "corpus.txt"], small.settings), 5)
    assert [(piece.word, piece.count) for piece in extension.pieces] == [("漢", 600), ("…", 300)]
    assert extension.after.unk_words == 0


def with_unused(count: int) -> Tokenizer:
    tokens = small_models.tokenizer().vocabulary.tokens
    unused = [f"[unused{number}]" for number in range(count)]
    return Tokenizer(Vocabulary.from_tokens([tokens[0], *unused, *tokens[1:]]))


def test_in_the_places_of_unused_tokens() -> None:
    small = with_unused(3)
    assert unused_ids(small.vocabulary) == [1, 2, 3]
    extension = extend(small, words({"zz": 10, "xyxy": 5}), 3, in_unused=True)
    tokens = extension.tokenizer.vocabulary.tokens
    assert tokens[:5] == ("[PAD]", "xyxy", "zz", "[unused2]", "[UNK]")
    assert tokens[4:] == small.vocabulary.tokens[4:]
    kept = extend(small, words({"zz": 10}), 3)
    assert kept.tokenizer.vocabulary.tokens[: len(small.vocabulary)] == small.vocabulary.tokens


@settings(max_examples=50, deadline=None)
@given(
    counts=st.dictionaries(
        st.text("abcxyz", min_size=1, max_size=8), st.integers(1, 50), min_size=1, max_size=30
    ),
    add=st.integers(1, 10),
)
def test_what_was_there_stays(counts: dict[str, int], add: int) -> None:
    small = small_models.tokenizer()
    try:
        extension = extend(small, words(counts), add)
    except VocabularyError:
        return  # nothing to add
    new = {piece.word: piece.id for piece in extension.pieces}
    assert 1 <= len(new) <= add
    assert extension.tokenizer.vocabulary.tokens[: len(small.vocabulary)] == small.vocabulary.tokens
    for word in counts:
        found = extension.tokenizer.encode(word).ids
        if word in new:
            assert found == [new[word]]
        elif not any(word.startswith(other) for other in new):
            assert found == small.encode(word).ids
    assert extension.after.coverage >= extension.before.coverage


@pytest.mark.parametrize(
    ("add", "min_count", "in_unused", "message"),
    [
        (0, 1, False, "--add: expected 1 to 999,"),
        (10**6, 1, False, "--add: expected 1 to .*what a vocabulary can hold"),
        (4, 1, True, r"--add: expected 1 to 3, the \[unusedN\] tokens of the vocabulary, got 4"),
        (1, 0, False, "--min-count: expected at least 1, got 0"),
    ],
)
def test_out_of_range(add: int, min_count: int, in_unused: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        extend(with_unused(3), words({"zz": 9}), add, min_count=min_count, in_unused=in_unused)


def test_nothing_to_add() -> None:
    with pytest.raises(VocabularyError, match="no word of the corpus would save a piece"):
        extend(small_models.tokenizer(), words({"sea": 9, "zz": 1}), 5)
    with pytest.raises(VocabularyError, match=r"would save a piece: all .* 10 times or more, are"):
        extend(small_models.tokenizer(), words({"zz": 9}), 5, min_count=10)
