"""Columns of words against the basic tokenizer."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import json_lines

from bertwright.tokenization import BasicTokenizer, TokenizerSettings
from bertwright.tokenization.learning.splitting import Splitter, stands_alone
from tokenization.test_basic import AWKWARD, SETTINGS

LINES = st.text(
    st.one_of(
        st.sampled_from(AWKWARD), st.characters(exclude_categories=["Cs"]), st.characters(max_codepoint=127)
    ),
    max_size=30,
).map(lambda text: text.replace("\n", " "))


def counted(lines: list[str], choices: TokenizerSettings) -> dict[str, int]:
    """What splitting gives, completed word by word as counting does."""
    found = Splitter(choices).split(lines)
    basic = BasicTokenizer(choices)
    words: Counter[str] = Counter()
    for raw in found.texts.to_pylist():
        words.update(basic.tokenize(raw))
    for character, count in found.alone.items():
        for word in basic.tokenize(character):
            words[word] += count
    return dict(words)


def expected(lines: list[str], choices: TokenizerSettings) -> dict[str, int]:
    basic = BasicTokenizer(choices)
    return dict(Counter(word for line in lines for word in basic.tokenize(line)))


def test_by_hand() -> None:
    found = Splitter(TokenizerSettings()).split(["The cat, the Café.", "", "漢字 ΑΣ!", "a\x07b"])
    assert sorted(zip(found.texts.to_pylist(), found.lines.tolist(), strict=True)) == sorted(
        [("the", 0), ("cat", 0), ("the", 0), ("café", 0), ("ας", 2), ("ab", 3)]
        + [("", line) for text, line in zip(found.texts.to_pylist(), found.lines, strict=True) if not text]
    )
    assert found.alone == {",": 1, ".": 1, "漢": 1, "字": 1, "!": 1}


@pytest.mark.parametrize("line", ["ΑΣ'Α ΑΣ' ΑΣ", "ΑΣ\u200bΑ", "ΑΣ\x01Α", "Σ漢Σ", "İΣ.Σ", "A B", "a≠b;"])
@pytest.mark.parametrize("lower", [True, False])
def test_neighbours_that_matter(line: str, lower: bool) -> None:
    choices = TokenizerSettings(do_lower_case=lower)
    assert counted([line], choices) == expected([line], choices)


@given(st.lists(LINES, max_size=6), SETTINGS)
@settings(deadline=None, max_examples=150)
def test_equals_the_basic_tokenizer(lines: list[str], choices: TokenizerSettings) -> None:
    assert counted(lines, choices) == expected(lines, choices)


@pytest.mark.parametrize("lower", [True, False])
def test_golden_strings(lower: bool) -> None:
    cases = json_lines("golden/tokenization/strings.jsonl.gz")
    assert len(cases) > 200
    lines, golden = [], Counter[str]()
    for case in cases:
        lines += case["text"].split("\n")
        golden.update(case["basic_lower" if lower else "basic_keep"])
    assert counted(lines, TokenizerSettings(do_lower_case=lower)) == dict(golden)


def test_no_lines() -> None:
    found = Splitter(TokenizerSettings()).split([])
    assert (len(found.texts), len(found.lines), found.alone) == (0, 0, {})


@pytest.mark.parametrize(
    "character, alone", [("a", False), ("é", False), (".", True), ("$", True), ("漢", True), ("カ", False)]
)
def test_what_stands_alone(character: str, alone: bool) -> None:
    assert stands_alone(character, TokenizerSettings()) is alone
    assert not stands_alone("漢", TokenizerSettings(tokenize_chinese_chars=False))
