"""The table of words gives exactly the ids of the tokenizer, whatever the text."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.data import word_table
from bertwright.data.word_table import WordTable
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

LETTERS = "abcdeσς中文ßﬁçé.,!?'-[]#0Σ"
SETTINGS = [
    TokenizerSettings(),
    TokenizerSettings(do_lower_case=False),
    TokenizerSettings(tokenize_chinese_chars=False),
    TokenizerSettings(do_lower_case=False, strip_accents=True, max_input_chars_per_word=5),
]


def tokenizer(settings: TokenizerSettings) -> Tokenizer:
    pieces = [*LETTERS, *(f"##{letter}" for letter in LETTERS), "ab", "##bc", "ας", "##σα"]
    return Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, *pieces]), settings)


def ids_of(table: WordTable, sentences: list[str]) -> list[list[int]]:
    ids, offsets = table.encode("".join(s + "\n" for s in sentences).encode(), len(sentences))
    assert offsets[0] == 0
    assert offsets[-1] == len(ids)
    return [part.tolist() for part in np.split(ids, offsets[1:-1])] if sentences else []


TABLES = [(maker, WordTable(maker)) for maker in map(tokenizer, SETTINGS)]

BLANKS = " \t\r\x0b\x0c\x1c\x85\xa0\u3000\u2028\u2029\u200b\ufeff\ufffd\u0301\u0323\u0345\x7f\x01"
WORDS = ["[MASK]", "##ab", "ΑΣ", "Σ.Α", "α\u0345\u0301", "\U0002fa1d", "한", "\u1112\u1161"]
nasty = st.sampled_from([*LETTERS, *BLANKS, *"ΑαΣİǅ豈〇𠀀𪜀", *WORDS])


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(nasty).map("".join), max_size=5), st.sampled_from(range(len(TABLES))))
def test_equal_to_the_tokenizer_on_nasty_text(sentences: list[str], which: int) -> None:
    maker, table = TABLES[which]
    assert ids_of(table, sentences) == [maker.encode(sentence).ids for sentence in sentences]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])))
def test_equal_to_the_tokenizer_on_any_text(sentence: str) -> None:
    for maker, table in TABLES:
        assert ids_of(table, [sentence]) == [maker.encode(sentence).ids]


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_every_code_point_between_letters(step: int) -> None:
    """One sentence a code point of the planes in use: around it letters, blanks, punctuation."""
    points = [p for p in range(0x20, 0x32000) if not 0xD800 <= p < 0xE000 and (p < 0x3000 or p % step == 0)]
    sentences = [f"a{chr(p)}b ,{chr(p)}, {chr(p)}" for p in points]
    assert len(sentences) == (202_720 if step == 1 else 26_906)
    maker, table = TABLES[0]
    expected = [part.tolist() for part in maker.encode_ids(sentences)]
    assert ids_of(table, sentences) == expected


def test_special_tokens_in_text_are_plain_text() -> None:
    maker, table = TABLES[0]
    (ids,) = ids_of(table, ["[MASK] [CLS]"])
    assert not set(ids) & (maker.vocabulary.special_ids - {maker.vocabulary.unk_id})


def test_many_words_and_long_words_grow_the_table() -> None:
    chance = random.Random(0)
    maker, table = tokenizer(SETTINGS[0]), WordTable(tokenizer(SETTINGS[0]))
    words = ["".join(chance.choices("abcde", k=chance.randrange(1, 12))) for _ in range(60_000)]
    sentences = [" ".join(words[start : start + 10]) for start in range(0, len(words), 10)]
    sentences.append("a" * 3_000_000)
    found = ids_of(table, sentences)
    assert found[-1] == [maker.vocabulary.unk_id]
    for number in chance.sample(range(6_000), 100):
        assert found[number] == maker.encode(sentences[number]).ids
    assert ids_of(table, sentences) == found


def test_a_full_table_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_table, "MAX_WORDS", 3)
    maker, table = tokenizer(SETTINGS[0]), WordTable(tokenizer(SETTINGS[0]))
    for sentence in ("a b c d e", "ab abc", "a, b! a"):
        assert ids_of(table, [sentence]) == [maker.encode(sentence).ids]


def test_words_of_a_table_that_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of one that was asked for ids alone before."""
    monkeypatch.setattr(word_table, "MAX_WORDS", 4)
    table = WordTable(tokenizer(SETTINGS[0]))
    ids_of(table, ["ab b"])
    for text, ideographs, expected in (
        ("abc 中文 a", [True, False], [True, False, True, False, True]),
        ("中 abbc文", [True, False], [True, True, False, False]),
        ("abc abbc 文中", [False, True], [True, False, True, False, False, True]),
    ):
        ids, offsets, starts = table.encode_with_words(f"{text}\n".encode(), 1, np.array(ideographs))
        assert ids.tolist() == tokenizer(SETTINGS[0]).encode(text).ids
        assert offsets.tolist() == [0, len(ids)]
        assert starts.tolist() == expected, text


def test_nothing() -> None:
    _, table = TABLES[0]
    assert ids_of(table, []) == []
    assert ids_of(table, ["", " \t", "a"]) == [[], [], TABLES[0][0].encode("a").ids]


@pytest.mark.parametrize(
    ("vocabulary", "corpus", "lower_case"),
    [
        ("bert-base-uncased", "en_wikipedia_valid", True),
        ("bert-base-cased", "en_wikipedia_valid", False),
        ("bert-base-chinese", "zh_wikipedia_simplified_valid", True),
    ],
)
def test_equal_to_the_tokenizer_on_wikipedia(vocabulary: str, corpus: str, lower_case: bool) -> None:
    maker = Tokenizer.load(shared_path(f"data/vocab/{vocabulary}-vocab.txt"), lower_case=lower_case)
    lines = shared_path(f"data/corpus/{corpus}.txt").read_text("utf-8").split("\n")
    chosen = lines[: 600 if lower_case else 300]
    assert ids_of(WordTable(maker), chosen) == [maker.encode(line).ids for line in chosen]
