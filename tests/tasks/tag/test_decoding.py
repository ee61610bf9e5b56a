"""Logits to tags, by hand, and sentences from texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tasks.tag.decoding import TaggedEntity, decode
from bertwright.tasks.tag.encoding import encode_sentences
from bertwright.tasks.tag.sentences import Sentence, sentences_of, split_text
from bertwright.tokenization import Tokenizer, Vocabulary
from bertwright.tokenization.basic import BasicTokenizer

TAGS = ("B-X", "I-X", "O")
TOKENIZER = Tokenizer(Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b"]))
BASIC = TOKENIZER.basic


def logits(*tags: str | None) -> np.ndarray:
    """Of a row whose positions say these tags with probability 0.8; None is noise that must not matter."""
    noise = [9.0, 0.0, 0.0]
    sure = np.log(8.0)
    return np.array(
        [noise if tag is None else [sure * (tag == name) for name in TAGS] for tag in tags], np.float32
    )


def test_tags_entities_and_offsets() -> None:
    sentence = split_text("A  ab, b", BASIC, False)
    assert sentence.words == ("A", "ab", ",", "b")
    rows = encode_sentences([sentence], TOKENIZER, 12, None, {})
    outputs = [logits(None, "B-X", "I-X", None, "O", "I-X", None)]
    (tagging,) = decode(outputs, rows, [sentence], TAGS, spells_entities=True)
    assert tagging.tags == ("B-X", "I-X", "O", "I-X")
    assert tagging.probabilities == pytest.approx([0.8] * 4)
    assert tagging.offsets == ((0, 1), (3, 5), (5, 6), (7, 8))
    found = tagging.entities or ()
    assert [(one.type, one.text, one.words, one.offsets) for one in found] == [
        ("X", "A  ab", (0, 2), (0, 5)),
        ("X", "b", (3, 4), (7, 8)),
    ]
    assert tagging.to_dict()["entities"][0]["words"] == [0, 2]


def test_each_window_answers_for_its_own_words() -> None:
    sentence = Sentence(tuple("ababababab"))
    rows = encode_sentences([sentence, Sentence(("a",))], TOKENIZER, 8, 3, {})
    assert len(rows) == 4
    outputs = [logits(*["B-X" if number % 2 else "O"] * len(row)) for number, row in enumerate(rows)]
    first, second = decode(outputs, rows, [sentence, Sentence(("a",))], TAGS, spells_entities=True)
    # the windows begin at words 0, 3 and 6; the second answers for words 5 to 7
    assert first.tags == ("O",) * 5 + ("B-X",) * 3 + ("O",) * 2
    assert [one.text for one in first.entities or ()] == ["b", "a", "b"]
    assert second.tags == ("B-X",)


def test_plain_tags_spell_no_entities() -> None:
    rows = encode_sentences([Sentence(("a",))], TOKENIZER, 8, None, {})
    (tagging,) = decode([logits(None, "O", None)], rows, [Sentence(("a",))], TAGS, spells_entities=False)
    assert tagging.entities is None and tagging.offsets is None
    assert decode([], [], [], TAGS, spells_entities=True) == []


def test_entities_as_json() -> None:
    entity = TaggedEntity("X", "a b", (0, 2), (3, 6), 0.5)
    assert entity.to_dict() == {
        "type": "X",
        "text": "a b",
        "words": [0, 2],
        "offsets": [3, 6],
        "probability": 0.5,
    }


def test_text_by_character_and_by_word() -> None:
    text = "浙商 Bank, e\u0301t\u00e9"
    assert split_text(text, BASIC, True).words == tuple(text.replace(" ", ""))
    words = split_text(text, BASIC, False)
    assert words.words == ("浙", "商", "Bank", ",", "e\u0301t\u00e9")


@given(st.text(max_size=40), st.booleans(), st.booleans())
def test_spans_are_where_the_words_stand(text: str, by_character: bool, lower: bool) -> None:
    basic = BasicTokenizer(TOKENIZER.settings.model_copy(update={"do_lower_case": lower}))
    sentence = split_text(text, basic, by_character, line=7)
    spans = sentence.spans or ()
    assert sentence.line == 7 and sentence.shown == text
    assert sentence.words == tuple(text[start:end] for start, end in spans)
    assert all(start < end for start, end in spans)
    assert list(spans) == sorted(spans)
    if not by_character:
        assert len(sentence.words) == len(basic.words(text))


def test_sentences_pass_unchanged() -> None:
    sentence = Sentence(("a", "b"), ("O", "O"), 3)
    assert sentences_of([sentence, ("a",)], BASIC, False) == [sentence, Sentence(("a",))]
