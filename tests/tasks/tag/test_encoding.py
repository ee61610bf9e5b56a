"""Sentences as rows: every word is asked for once, whatever the lengths."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tasks.batches import collate
from bertwright.tasks.tag.encoding import NO_TAG, TagFeatures, encode_sentences, windows_over
from bertwright.tasks.tag.sentences import Sentence
from bertwright.tokenization import Tokenizer, Vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a", "##b"]
TOKENIZER = Tokenizer(Vocabulary.from_tokens(TOKENS))
PAD, UNK, CLS, SEP, MASK, A, B, AA, BB = range(9)
NUMBERS = {"O": 0, "X": 1}


def encode(*sentences: Sentence, max_length: int = 20, stride: int | None = None) -> list[TagFeatures]:
    return encode_sentences(sentences, TOKENIZER, max_length, stride, NUMBERS)


def test_first_pieces_carry_the_tags() -> None:
    (row,) = encode(Sentence(("ab", "b", "aab"), ("X", "O", "X")))
    assert row.input_ids.tolist() == [CLS, A, BB, B, A, AA, BB, SEP]
    assert row.target.tolist() == [NO_TAG, 1, NO_TAG, 0, 1, NO_TAG, NO_TAG, NO_TAG]
    assert row.places.tolist() == [1, 3, 4] and row.words.tolist() == [0, 1, 2]
    assert row.token_type_ids.tolist() == [0] * 8 and not row.truncated


def test_words_without_pieces_are_unknown_and_still_asked_for() -> None:
    (row,) = encode(Sentence(("a", "\u200b", "\u00a0", "b"), ("X", "O", "O", "X")))
    assert row.input_ids.tolist() == [CLS, A, UNK, UNK, B, SEP]
    assert row.places.tolist() == [1, 2, 3, 4]


def test_a_word_with_a_blank_inside_is_one_word() -> None:
    (row,) = encode(Sentence(("a\u00a0b", "a"), ("X", "O")))
    assert row.input_ids.tolist() == [CLS, A, B, A, SEP]
    assert row.places.tolist() == [1, 3]


def test_without_tags_there_is_no_target() -> None:
    rows = encode(Sentence(("a",)), Sentence(("b",), ("unknown",)))
    assert [row.target for row in rows] == [None, None]


def test_only_a_word_longer_than_a_row_is_cut() -> None:
    short, long, beside = encode(
        Sentence(("a", "b"), ("O", "X")), Sentence(("b" + "a" * 9, "b"), ("O", "X")), max_length=7
    )
    assert not short.truncated
    assert long.input_ids.tolist() == [CLS, B, AA, AA, AA, AA, SEP] and long.truncated
    assert (long.words.tolist(), beside.words.tolist()) == ([0], [1])
    assert not beside.truncated and (long.example, beside.example) == (1, 1)


def test_windows_by_hand() -> None:
    ends = np.arange(11)  # ten words of one piece
    windows = windows_over(ends, room=6, stride=3)
    assert [(w.first, w.last) for w in windows] == [(0, 6), (3, 9), (6, 10)]
    # word 4: one piece on the right in the first window, one on the left in the second: the first has it
    assert [w.own for w in windows] == [(0, 5), (5, 8), (8, 10)]


def test_batches_pad_targets() -> None:
    rows = encode(Sentence(("a",), ("X",)), Sentence(("a", "b"), ("O", "X")))
    batch = collate(rows, PAD)
    assert batch.targets is not None
    assert batch.targets.tolist() == [[-100, 1, -100, -100], [-100, 0, 1, -100]]


WORDS = st.lists(st.text("ab\u200b", min_size=1, max_size=12), min_size=1, max_size=40)


@given(st.lists(WORDS, min_size=1, max_size=4), st.integers(3, 16), st.none() | st.integers(1, 20))
def test_every_word_is_asked_for_once(
    sentences: list[list[str]], max_length: int, stride: int | None
) -> None:
    given_tags = [Sentence(tuple(words), tuple("OX"[len(w) % 2] for w in words)) for words in sentences]
    rows = encode(*given_tags, max_length=max_length, stride=stride)
    asked: list[list[int]] = [[] for _ in sentences]
    for row in rows:
        assert 3 <= len(row) <= max_length
        assert row.input_ids[0] == CLS and row.input_ids[-1] == SEP
        asked[row.example] += row.words.tolist()
        known = {
            place: NUMBERS[given_tags[row.example].tags[word]]  # type: ignore[index]
            for place, word in zip(row.places.tolist(), row.words.tolist(), strict=True)
        }
        assert row.target.tolist() == [known.get(place, NO_TAG) for place in range(len(row))]
        for place, word in zip(row.places.tolist(), row.words.tolist(), strict=True):
            pieces = TOKENIZER.encode(sentences[row.example][word]).ids or [UNK]
            shown = pieces[: max_length - 2]
            assert row.input_ids[place : place + len(shown)].tolist() == shown
    assert asked == [list(range(len(words))) for words in sentences]
    for number, words in enumerate(sentences):
        too_long = any(len(TOKENIZER.encode(word).ids) > max_length - 2 for word in words)
        assert any(row.truncated for row in rows if row.example == number) == too_long


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(6, 20), st.integers(1, 25))
def test_each_word_is_asked_for_where_it_has_most_context(lengths: list[int], room: int, stride: int) -> None:
    ends = np.concatenate([[0], np.cumsum(lengths)])
    windows = windows_over(ends, room, stride)
    for word in range(len(lengths)):
        context = {
            number: min(ends[word] - ends[w.first], ends[w.last] - ends[word + 1])
            for number, w in enumerate(windows)
            if w.first <= word < w.last
        }
        (owner,) = [number for number, w in enumerate(windows) if w.own[0] <= word < w.own[1]]
        assert context[owner] == max(context.values())
        assert all(ends[w.last] - ends[w.first] <= room for w in windows)
