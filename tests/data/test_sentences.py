"""Sentences: nothing lost, nothing changed, nothing that makes the splitter fail."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.data.sentences import check_language, split_sentences
from bertwright.errors import UsageError


def test_by_hand() -> None:
    lines = ["Mr. Smith went to Washington. He came back!", "A heading"]
    assert split_sentences(lines, "en") == [
        "Mr. Smith went to Washington. ",
        "He came back!",
        "A heading",
    ]
    assert split_sentences(["他来了。她走了！"], "zh") == ["他来了。", "她走了！"]
    assert split_sentences(lines, None) == lines


def test_a_wide_blank_ends_a_sentence_as_a_plain_one_does() -> None:
    for blank in "\u00a0\u3000\u2003\u2028\u0085":
        assert split_sentences([f"He left.{blank}She stayed."], "en") == [f"He left.{blank}", "She stayed."]
    # sentencex 1.0.32 panics on this one
    line = "See \u2028J. Smith. And\u3000J.\u00a0R. too."
    assert "".join(split_sentences([line], "en")) == line


SIGNS = " \t.!?。！？…\"“”‘’()[]«»'-–:;,09aAZéßŉİﬁΣ中文हि।؟ابج😀"
BLANKS = "\u200b\u200d\u0301\u2028\u2029\x85\x0b\x1c\ufeff\u202e\xa0\u3000\u2003\r\x7f"
WORDS = ["Mr. ", "e.g.", "U.S.A.", "J.\u00a0", "...", "www.x.com", "1. "]
nasty = st.sampled_from([*SIGNS, *BLANKS, *WORDS])


@settings(max_examples=400, deadline=None)
@given(st.lists(nasty).map("".join), st.sampled_from(["en", "zh", "hi", "de", "ja", "ar", "xx", "pt-BR"]))
def test_sentences_put_together_are_the_line(line: str, language: str) -> None:
    sentences = split_sentences([line], language)
    assert "".join(sentences) == line
    assert all(sentences)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text(line: str) -> None:
    assert "".join(split_sentences([line], "en")) == line


@pytest.mark.parametrize("part", ["“a ", "x", "A sentence, it is. ", "「", "中。", "( "])
def test_long_lines_take_linear_time(part: str) -> None:
    line = part * (150_000 // len(part))
    started = time.process_time()
    sentences = split_sentences([line], "en")
    assert time.process_time() - started < 3
    assert "".join(sentences) == line


def test_long_lines_are_cut_behind_sentences() -> None:
    sentence = "This is a sentence of some length, and it ends here. "
    assert split_sentences([sentence * 2000], "en") == [sentence] * 2000


@pytest.mark.parametrize("language", ["en", "zh", "pt-BR", "zh-Hant-TW", "deu"])
def test_languages(language: str) -> None:
    assert check_language(language) == language


@pytest.mark.parametrize("language", ["", "english", "e", "en_US", "en-", "../en", "en\n"])
def test_what_is_no_language_code(language: str) -> None:
    with pytest.raises(UsageError, match="--language: expected a language code"):
        check_language(language)
