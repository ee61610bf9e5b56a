"""Documents of text to segments of ids: cutting, dropping, counting."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.corpus import Document
from bertwright.data import segment_builder
from bertwright.data.counts import Counts
from bertwright.data.segment_builder import MAX_SENTENCE_TOKENS, SegmentBuilder
from bertwright.data.shards import Segment
from bertwright.data.word_table import WordTable
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

TOKENIZER = Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, *"abc.", "##a", "##b", "##c"]))
TABLE = WordTable(TOKENIZER)


def build(
    texts: list[list[str]], language: str | None = None, tokenizer: Tokenizer = TOKENIZER
) -> tuple[list[Segment], Counts]:
    builder = SegmentBuilder(WordTable(tokenizer), tokenizer, language)
    documents = [Document(tuple(lines), "x.txt", number + 1) for number, lines in enumerate(texts)]
    return list(builder.segments(documents)), builder.counts


def documents_of(segments: list[Segment]) -> list[list[list[int]]]:
    result = []
    for segment in segments:
        sentences = [part.tolist() for part in np.split(segment.ids, segment.sentence_offsets[1:-1])]
        bounds = segment.document_offsets
        result += [sentences[a:b] for a, b in pairwise(bounds)]
    return result


def ids(text: str) -> list[int]:
    return TOKENIZER.encode(text).ids


def test_by_hand() -> None:
    segments, counts = build([["a b. c", "abc"], ["c."]], "en")
    assert documents_of(segments) == [[ids("a b. c"), ids("abc")], [ids("c.")]]
    assert counts == Counts(documents=2, sentences=3, tokens=9, bytes=11, single_sentence_documents=1)


def test_what_has_no_tokens_vanishes() -> None:
    segments, counts = build([["\x01", "a"], ["\x02 \u200b"], ["b", "\ufffd"], ["\x03"]])
    assert documents_of(segments) == [[ids("a")], [ids("b")]]
    assert (counts.documents, counts.sentences) == (2, 2)
    assert build([["\x01"]])[0] == []
    assert build([])[0] == []


def test_unknown_documents_are_counted_with_their_places() -> None:
    texts = [["a"], ["x y"], ["x", "y"], ["\x01"], ["z"], ["z b"], ["y"]]
    _, counts = build(texts)
    assert counts.unknown_tokens == 7
    assert counts.unknown_documents == 4
    assert counts.unknown_at == ["x.txt:2", "x.txt:3", "x.txt:5"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=8), st.integers(0, 5))
def test_long_sentences_are_cut_before_words_and_nothing_is_lost(lengths: list[int], seed: int) -> None:
    """Words of up to 700 pieces: cut inside a word only where the word leaves no choice."""
    chance = np.random.default_rng(seed)
    tokenizer = Tokenizer(
        TOKENIZER.vocabulary, TOKENIZER.settings.model_copy(update={"max_input_chars_per_word": 700})
    )
    sentence = " ".join("".join(chance.choice([*"abc"], size=length)) for length in lengths)
    segments, counts = build([[sentence, "a"]], tokenizer=tokenizer)
    (document,) = documents_of(segments)
    whole = tokenizer.encode(sentence).ids
    assert [number for part in document[:-1] for number in part] == whole
    assert document[-1] == ids("a")
    assert len(document) - 1 == -(-len(whole) // MAX_SENTENCE_TOKENS)
    assert all(0 < len(part) <= MAX_SENTENCE_TOKENS for part in document)
    assert counts.cut_sentences == (len(whole) > MAX_SENTENCE_TOKENS)


def test_cuts_fall_before_words() -> None:
    sentence = " ".join(["abc"] * 400)  # 1,200 pieces
    ((*parts,),) = documents_of(build([[sentence]])[0])
    assert [len(part) for part in parts] == [399, 402, 399]
    assert all(TOKENIZER.vocabulary.starts_word[part[0]] for part in parts)


def test_a_document_is_never_divided_between_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_builder, "_SEGMENT_TOKENS", 10)
    monkeypatch.setattr(segment_builder, "_BLOCK_CHARACTERS", 4)
    texts = [["a b c", "a"] * count for count in (1, 5, 1, 1, 3)]
    segments, counts = build(texts)
    assert [len(segment.document_offsets) - 1 for segment in segments] == [2, 3]
    assert documents_of(segments) == [[ids(line) for line in lines] for lines in texts]
    assert counts.bytes == sum(len(line) for lines in texts for line in lines)


def test_counts_of_parts_add_up() -> None:
    total = Counts()
    total.add(Counts(documents=2, tokens=5, unknown_documents=2, unknown_at=["a:1", "a:2"]))
    total.add(Counts(documents=1, tokens=3, unknown_documents=3, unknown_at=["b:1", "b:2", "b:3"]))
    assert total == Counts(documents=3, tokens=8, unknown_documents=5, unknown_at=["a:1", "a:2", "b:1"])
