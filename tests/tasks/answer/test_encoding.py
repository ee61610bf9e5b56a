"""Passages with their places, and questions as rows for the model."""

from __future__ import annotations

import pytest
from golden_squad import piece_words, words_of
from hypothesis import given
from hypothesis import strategies as st
from shared import shared_path

from bertwright.tasks.answer.encoding import encode_questions, improve_span, query_limit
from bertwright.tasks.answer.passage import Passage, PassageReader
from bertwright.tasks.answer.questions import Question, Reference
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tokenization import Tokenizer, Vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENS += ["the", "leader", "was", "john", "smith", "(", "1895", "-", "194", "##3", ")", ".", "cafe", "who"]


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    return Tokenizer(Vocabulary.from_tokens(TOKENS))


def pieces_of(passage: Passage) -> list[str]:
    return [passage.text[a:b] for a, b in zip(passage.starts.tolist(), passage.ends.tolist(), strict=True)]


def test_passage_by_hand(small: Tokenizer) -> None:
    text = " John\u202fSmith\t(1895-1943) was  cafe\u0301."
    passage = PassageReader(small).read(text)
    assert words_of(passage) == ["John", "Smith", "(1895-1943)", "was", "cafe\u0301."]
    assert pieces_of(passage) == [
        "John", "Smith", "(", "1895", "-", "194", "3", ")", "was", "cafe\u0301", "."
    ]  # fmt: skip
    assert piece_words(passage).tolist() == [0, 1, 2, 2, 2, 2, 2, 2, 3, 4, 4]
    assert [passage.word_at(place) for place in (0, 1, 4, 5, 6, 12)] == [0, 0, 0, 0, 1, 2]
    assert text[slice(*passage.span(3, 6))] == "1895-1943"


def test_passages_are_read_once(small: Tokenizer) -> None:
    reader = PassageReader(small)
    assert reader.read("john smith") is reader.read("john smith")
    assert reader.read("john") is not reader.read("smith")


@pytest.fixture(scope="module")
def uncased() -> Tokenizer:
    return Tokenizer.load(shared_path("data/vocab/bert-base-uncased-vocab.txt"))


@given(st.text(st.sampled_from("aé\u0301 İß中文한\t\u202f.\u200b(-ﬁ\U0001f600ก"), max_size=24))
def test_pieces_stand_at_their_places(uncased: Tokenizer, text: str) -> None:
    passage = PassageReader(uncased).read(text)
    words = [word for word in text.replace("\u202f", " ").replace("\t", " ").split(" ") if word]
    assert words_of(passage) == words
    whole = [index for word in words for index in uncased.encode(word).ids]
    assert passage.ids.tolist() == whole
    places = zip(passage.word_starts.tolist(), words, strict=True)
    spans = [(start, start + len(word)) for start, word in places]
    for start, end, word in zip(passage.starts, passage.ends, piece_words(passage), strict=True):
        assert spans[word][0] <= start < end <= spans[word][1]


def test_rows_by_hand(small: Tokenizer) -> None:
    context = "the leader was john smith (1895-1943)."
    question = Question("who was who", context, "1", (Reference("1943", 32),), 1)
    settings = AnswerSettings(doc_stride=3, max_query_length=2)
    rows = encode_questions([question], small, 11, settings)
    tokens = [[TOKENS[index] for index in row.input_ids.tolist()] for row in rows]
    head = ["[CLS]", "who", "was", "[SEP]"]
    assert tokens == [
        [*head, "the", "leader", "was", "john", "smith", "(", "[SEP]"],
        [*head, "john", "smith", "(", "1895", "-", "194", "[SEP]"],
        [*head, "1895", "-", "194", "##3", ")", ".", "[SEP]"],
    ]
    assert [row.token_type_ids.tolist() for row in rows] == [[0] * 4 + [1] * 7] * 3
    assert [row.target.tolist() for row in rows] == [[0, 0], [0, 0], [6, 7]], "only the last has it whole"
    assert all(row.truncated for row in rows), "the question lost a word"
    assert [row.piece(4) for row in rows] == [0, 3, 6]


def test_targets(small: Tokenizer) -> None:
    context = "the leader was john smith"
    known, unknown, none, misaligned = encode_questions(
        [
            Question("who", context, "1", (Reference("john smith", 15),)),
            Question("who", context),
            Question("who", context, "2", ()),
            Question("who", context, "3", (Reference("john", -1),)),
        ],
        small,
        20,
        AnswerSettings(),
    )
    assert known.target.tolist() == [6, 7]
    assert (unknown.target, misaligned.target) == (None, None)
    assert none.target.tolist() == [0, 0]
    assert [row.example for row in (known, unknown, none, misaligned)] == [0, 1, 2, 3]


def test_an_answer_inside_a_word_gets_the_whole_word_when_its_pieces_are_not_there(small: Tokenizer) -> None:
    (row,) = encode_questions(
        [Question("who", "john (1895-1943)", "1", (Reference("95-19", 8),))], small, 20, AnswerSettings()
    )
    first, last = row.target.tolist()
    assert row.passage.text[slice(*row.passage.span(row.piece(first), row.piece(last)))] == "(1895-1943)"


def test_odd_passages(small: Tokenizer) -> None:
    """Words of control characters have no pieces, and a passage of nothing else has one empty window."""
    empty, answered = encode_questions(
        [
            Question("who", "\u200b", "1", (Reference("\u200b", 0),)),
            Question("who", "john \u200b smith", "2", (Reference("\u200b", 5),)),
        ],
        small,
        20,
        AnswerSettings(),
    )
    assert empty.passage_length == 0 and empty.target is None
    assert [TOKENS[index] for index in empty.input_ids] == ["[CLS]", "who", "[SEP]", "[SEP]"]
    assert answered.passage_length == 2 and answered.target is None


def test_improve_span_by_hand() -> None:
    assert improve_span("xabcab", 0, 5, "ab") == (1, 2), "the first place"
    assert improve_span("xabcab", 2, 5, "ab") == (4, 5), "within the span only"
    assert improve_span("xabcab", 0, 5, "ba") == (0, 5)
    assert improve_span("xabcab", 1, 3, "abc") == (1, 3)
    assert improve_span("xabcab", 1, 2, "abc") == (1, 2), "an answer that is longer"
    assert improve_span("xabcab", 1, 2, "") == (1, 2)


def test_query_limit() -> None:
    settings = AnswerSettings()
    assert [query_limit(length, settings) for length in (5, 40, 131, 384)] == [1, 18, 64, 64]
