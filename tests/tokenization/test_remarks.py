"""Tokens that no text can give are counted and shown."""

from __future__ import annotations

import pytest

from bertwright.tokenization import Tokenizer, TokenizerSettings, Vocabulary
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS
from tokenization import google


def remarks(*tokens: str, **choices: object) -> list[str]:
    vocabulary = Vocabulary.from_tokens([*SPECIAL_TOKENS, *tokens])
    return Tokenizer(vocabulary, TokenizerSettings.model_validate(choices)).remarks()


def test_a_good_vocabulary_has_none() -> None:
    assert remarks("the", "##s", "[unused1]", ".", "漢", "##漢", "#") == []


@pytest.mark.parametrize(("name", "lower"), [("uncased", True), ("cased", False), ("chinese", True)])
def test_published_vocabularies_have_none(name: str, lower: bool) -> None:
    assert google.tokenizer(name, lower).remarks() == []


def test_a_continuation_by_nothing() -> None:
    assert remarks("##") == [
        "1 token can never be found in text: they continue a word with nothing (line 6 ##)"
    ]


def test_longer_than_the_longest_word() -> None:
    (remark,) = remarks("aaa", "aaaa", "##aaaa", max_input_chars_per_word=3)
    assert remark.startswith(
        "2 tokens can never be found in text: longer than the longest word, 3 characters (line 7"
    )


def test_several_ideographs() -> None:
    (remark,) = remarks("漢字", "漢")
    assert "every ideograph is a word of its own (line 6 漢字)" in remark
    assert remarks("漢字", tokenize_chinese_chars=False) == []


def test_capital_letters_in_a_lower_cased_vocabulary() -> None:
    (remark,) = remarks("A", "B", "C", "D", "a")
    assert remark.startswith("4 tokens") and remark.endswith("(line 6 A, line 7 B, line 8 C, …)")


def test_accents_that_are_stripped() -> None:
    assert "the stripping of accents" in remarks("né")[0]
    assert remarks("né", strip_accents=False) == []


def test_no_capital_letters_though_case_is_kept() -> None:
    assert "is this an uncased vocabulary" in remarks("a", "b", do_lower_case=False)[0]
    assert remarks("a", "A", do_lower_case=False) == []


def test_twins() -> None:
    (remark,) = remarks("A", "né", "ne\u0301", do_lower_case=False)
    assert remark.startswith("1 token look") and "line 8" in remark
