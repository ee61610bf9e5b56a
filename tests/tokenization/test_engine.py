"""The Rust engine and ours: where they differ is known, listed, and kept away from the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import json_lines

from bertwright.tokenization import BasicTokenizer, TokenizerSettings
from bertwright.tokenization.engine import Engine
from tokenization import google
from tokenization.test_basic import SETTINGS, TEXTS

TEMPLATES = ("{}", "a{}b", "é{0}{0}\u0301x", ".{}漢")


@cache
def engine(choices: TokenizerSettings) -> Engine:
    return Engine(google.vocabulary("uncased"), choices)


def check_code_points(code_points: Iterable[int], choices: TokenizerSettings) -> Counter[bool]:
    """Where the engine offers an answer, its words are ours, whatever stands around the character."""
    basic, rust = BasicTokenizer(choices), engine(choices)
    answered: Counter[bool] = Counter()
    for code in code_points:
        c = chr(code)
        offered = not rust.unanswerable([c])
        answered[offered] += 1
        if offered:
            text = "\n".join(template.format(c) for template in TEMPLATES)
            assert rust.words(text) == basic.tokenize(text), f"U+{code:04X}"
    return answered


class TestEveryCodePoint:
    @pytest.mark.parametrize("casing", google.CASINGS)
    def test_a_sample(self, casing: str) -> None:
        code_points = [c for c in google.sampled_code_points() if c < 0x3400 or c % 23 == 0]
        answered = check_code_points(code_points, TokenizerSettings(do_lower_case=google.CASINGS[casing]))
        assert answered[True] > 20_000 and answered[False] < 1_500

    @pytest.mark.slow
    @pytest.mark.parametrize("casing", google.CASINGS)
    @pytest.mark.parametrize("plane", google.PLANES)
    def test_all(self, plane: int, casing: str) -> None:
        choices = TokenizerSettings(do_lower_case=google.CASINGS[casing])
        answered = check_code_points(google.plane(plane), choices)
        private = plane in (15, 16)  # the engine drops these, the original keeps them
        assert answered[not private] > 55_000

    @pytest.mark.parametrize("casing", google.CASINGS)
    def test_the_listed_differences_are_those_there_are(self, casing: str) -> None:
        """Every golden difference by code point is still one, and is kept from the engine."""
        listed = google.golden_json("hf_codepoint_differences.json.gz")[casing]
        codes = set.union(*(google.in_ranges(ranges) for ranges in listed["ranges"].values()))
        codes |= {int(code, 16) for code in listed["individual"]}
        assert len(codes) == {"lower": 138_283, "keep": 137_843}[casing]
        rust = engine(TokenizerSettings(do_lower_case=google.CASINGS[casing]))
        private = {c for c in codes if 0xE000 <= c < 0xF900 or c >= 0xF0000}
        assert len(private) == 137_468
        kept_away = codes - private | set(sorted(private)[::997])
        compared = [chr(code) for code in kept_away & set(google.comparable_code_points())]
        assert rust.unanswerable(compared) == set(range(len(compared)))


class TestText:
    @settings(max_examples=300, deadline=None)
    @given(TEXTS, SETTINGS)
    def test_an_offered_answer_is_ours(self, text: str, choices: TokenizerSettings) -> None:
        rust = engine(choices)
        if not rust.unanswerable([text]):
            assert rust.words(text) == BasicTokenizer(choices).tokenize(text)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.text("aé.漢 ", max_size=6), max_size=10))
    def test_ids_are_told_apart_by_text(self, texts: list[str]) -> None:
        rust, tokenizer = engine(TokenizerSettings()), google.tokenizer("uncased", True)
        ids, counts = rust.ids(texts)
        expected = [tokenizer.encode(text).ids for text in texts]
        assert counts.tolist() == [len(part) for part in expected]
        assert ids.tolist() == [index for part in expected for index in part]

    def test_ordinary_text_is_left_to_the_engine(self) -> None:
        rust = engine(TokenizerSettings())
        ordinary = [
            r["text"] for r in google.golden_strings() if r["source"].startswith(("en_", "zh_", "agnews"))
        ]
        assert len(ordinary) > 300
        assert len(rust.unanswerable(ordinary)) <= 3  # a capital sigma

    def test_what_it_cannot_answer(self) -> None:
        rust = engine(TokenizerSettings())
        texts = ["fine", "ΑΣ", "a\ue000", "\ud800", "x\u302e", "\u203d", "\U0002b820", "日本"]
        assert rust.unanswerable(texts) == {1, 2, 3, 4, 5, 6}
        assert not engine(TokenizerSettings(do_lower_case=False)).unanswerable(["ΑΣ"])

    def test_its_longest_word_is_ours(self) -> None:
        rust = Engine(google.vocabulary("uncased"), TokenizerSettings(max_input_chars_per_word=5))
        assert rust.ids(["aaaaa", "aaaaaa"])[1].tolist() == [2, 1]


class TestGoldenDifferences:
    """The strings in which Hugging Face's own tokenizer differs: ours is right in each, by both ways."""

    def test_all(self) -> None:
        rows = json_lines("golden/tokenization/hf_differences.jsonl.gz")
        assert len(rows) == 122 + 78 + 115 + 119 + 122 + 78
        texts = {row["id"]: row["text"] for row in google.golden_strings()}
        causes: Counter[str] = Counter()
        for row in rows:
            name, casing = row["tokenizer"].split("_")
            tokenizer = google.tokenizer(name, google.CASINGS[casing])
            assert row["google"] != row["hf"]
            assert tokenizer.encode(texts[row["id"]]).tokens == row["google"]
            ids = tokenizer.encode_ids([texts[row["id"]]])[0]
            assert [tokenizer.vocabulary.tokens[index] for index in ids] == row["google"]
            causes.update(row["causes"])
        assert len(causes) == 6
