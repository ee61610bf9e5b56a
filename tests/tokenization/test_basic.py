"""The basic tokenizer against the original: by hand, on every code point, and on arbitrary text."""

from __future__ import annotations

import json
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.tokenization import BasicTokenizer, TokenizerSettings, Word
from bertwright.tokenization.basic import strip_accents
from tokenization import google

# Letters of every fate: dropped, split, decomposed, reordered, lengthened by lower-casing, final sigma.
AWKWARD = (
    "aZ.,$^_ \t\n\r\0\x07\x0b\x1c\x85\xad\u00a0\u200b\u2028\u2029\u3000\ufeff\ufffd"
    "İIıßẞÉéΣσςΑ'’·\u0387\u037e\u1fef"
    "\u0301\u0327\u0345\u034f\u0591\u302e\u302f\U0001d165\U0001d15e\u1b44\u16ff0가각ㄱ\u1100\u1161漢\uf900\U0002f800"
    "\U0002b820ｱカガ\U0001f600\ue000\U0010ffff≠ǅﬁ①"
)
TEXTS = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_categories=["Cs"])), max_size=40)
SETTINGS = st.builds(
    TokenizerSettings,
    do_lower_case=st.booleans(),
    strip_accents=st.none() | st.booleans(),
    tokenize_chinese_chars=st.booleans(),
)


def words(text: str, **choices: bool) -> list[tuple[str, tuple[int, int]]]:
    found = BasicTokenizer(TokenizerSettings(**choices)).words(text)
    return [(word.text, word.span(0, len(word.text))) for word in found]


class TestByHand:
    def test_words_and_their_places(self) -> None:
        assert words("Hello,  World!") == [
            ("hello", (0, 5)),
            (",", (5, 6)),
            ("world", (8, 13)),
            ("!", (13, 14)),
        ]

    def test_a_precomposed_and_a_decomposed_accent(self) -> None:
        assert words("né ne\u0301e") == [("ne", (0, 2)), ("nee", (3, 7))]

    def test_accents_stay_when_case_stays(self) -> None:
        assert words("Né", do_lower_case=False) == [("Né", (0, 2))]

    def test_accents_are_asked_for_by_themselves(self) -> None:
        assert words("Né", do_lower_case=False, strip_accents=True) == [("Ne", (0, 2))]
        assert words("Né", strip_accents=False) == [("né", (0, 2))]

    def test_lower_casing_that_lengthens(self) -> None:
        word = BasicTokenizer(TokenizerSettings(strip_accents=False)).words("xİy")[0]
        assert word == Word("xi\u0307y", 0, (0, 1, 1, 2))
        assert word.offsets == [(0, 1), (1, 2), (1, 2), (2, 3)]
        assert words("xİy") == [("xiy", (0, 3))]

    def test_final_sigma_looks_past_what_follows_only_inside_the_word(self) -> None:
        assert [text for text, _ in words("ΣΑΣ ΑΣΑ ΑΣ. Σ")] == ["σας", "ασα", "ας", ".", "σ"]

    def test_dropped_characters_leave_a_gap_in_the_places(self) -> None:
        assert words("a\u00adb\x00c") == [("abc", (0, 5))]
        assert words("\u200ba\u200b b") == [("a", (1, 2)), ("b", (4, 5))]

    def test_controls_join_and_separators_split(self) -> None:
        assert [t for t, _ in words("a\x0bb\x85c\x1cd e\u2028f\u2029g\u00a0h")] == [
            "abcd",
            "e",
            "f",
            "g",
            "h",
        ]

    def test_ideographs_stand_alone_but_kana_and_hangul_do_not(self) -> None:
        assert [t for t, _ in words("漢字かな交じり")] == ["漢", "字", "かな", "交", "しり"]
        assert len(words("한국어")) == 1
        assert words("漢字", tokenize_chinese_chars=False) == [("漢字", (0, 2))]

    def test_a_syllable_is_the_place_of_all_its_letters(self) -> None:
        word = BasicTokenizer().words("x 한")[0:2][1]
        assert word.text == unicodedata.normalize("NFD", "한")
        assert word.span(0, 1) == word.span(1, 3) == (2, 3)

    def test_a_compatibility_ideograph_becomes_the_unified_one(self) -> None:
        assert words("\uf900") == [("\u8c48", (0, 1))]

    def test_marks_that_stay_are_reordered_with_their_places(self) -> None:
        text = "x\u302e\U0001d165"  # classes 224 and 216: canonical order is the other way round
        assert words(text) == [("x\U0001d165\u302e", (0, 3))]
        assert strip_accents(text, range(3)) == ("x\U0001d165\u302e", [0, 2, 1])

    def test_an_empty_text_and_one_of_dropped_characters(self) -> None:
        assert words("") == words(" \n") == words("\x00\ufffd\u0301") == []

    def test_a_lone_surrogate_is_an_unknown_letter(self) -> None:
        assert words("a\ud800b") == [("a\ud800b", (0, 3))]

    def test_the_cases_of_the_original(self) -> None:
        cases = json.loads(shared_path("data/robustness/tokenizer_cases.json").read_text("utf-8"))[
            "basic_tokenizer"
        ]
        assert len(cases) == 4
        for case in cases:
            tokenizer = BasicTokenizer(TokenizerSettings(do_lower_case=case["do_lower_case"]))
            assert tokenizer.tokenize(case["text"]) == case["tokens"]


def check_code_points(casing: str, code_points: list[int]) -> None:
    """``"a" + c + "b"`` for each code point against ``codepoints_basic``."""
    table = google.golden_json("codepoints_basic.json.gz")
    assert (table["prefix"], table["repeat"], table["suffix"]) == ("a", 1, "b")
    fates = {name: google.in_ranges(table[casing][name]) for name in ("dropped", "space", "split")}
    mapped = {int(code, 16): text for code, text in table[casing]["mapped"].items()}
    other = {int(code, 16): tokens for code, tokens in table[casing]["other"].items()}
    tokenize = BasicTokenizer(TokenizerSettings(do_lower_case=google.CASINGS[casing])).tokenize
    wrong = []
    for code in code_points:
        c = chr(code)
        if code in fates["dropped"]:
            expected = ["ab"]
        elif code in fates["space"]:
            expected = ["a", "b"]
        elif code in fates["split"]:
            expected = ["a", c, "b"]
        else:
            expected = other.get(code) or [f"a{mapped.get(code, c)}b"]
        if tokenize(f"a{c}b") != expected:
            wrong.append(f"U+{code:04X}")
    assert wrong == []


class TestGoldenCodePoints:
    @pytest.mark.parametrize("casing", google.CASINGS)
    def test_the_planes_that_have_characters(self, casing: str) -> None:
        code_points = google.sampled_code_points()
        assert len(code_points) > 200_000
        check_code_points(casing, code_points)

    @pytest.mark.slow
    @pytest.mark.parametrize("casing", google.CASINGS)
    @pytest.mark.parametrize("plane", google.PLANES)
    def test_all(self, plane: int, casing: str) -> None:
        code_points = google.plane(plane)
        assert len(code_points) >= 0x10000 - len(google.SURROGATES) - 202
        check_code_points(casing, code_points)


class TestArbitraryText:
    @settings(max_examples=300, deadline=None)
    @given(TEXTS, SETTINGS)
    def test_equals_the_original(self, text: str, choices: TokenizerSettings) -> None:
        expected = google.basic_tokenize(
            text, choices.do_lower_case, choices.strip_accents, choices.tokenize_chinese_chars
        )
        assert BasicTokenizer(choices).tokenize(text) == expected

    @settings(max_examples=300, deadline=None)
    @given(TEXTS, SETTINGS)
    def test_places_lie_in_order_and_give_the_word_again(self, text: str, choices: TokenizerSettings) -> None:
        tokenizer = BasicTokenizer(choices)
        end = 0
        for word in tokenizer.words(text):
            start, stop = word.span(0, len(word.text))
            assert 0 <= start < stop <= len(text)
            # Only a character that decomposes into letter and punctuation (U+226E: < and a mark) is shared.
            assert start >= end or len(unicodedata.normalize("NFD", text[start])) > 1
            assert len(word.offsets) == len(word.text)
            assert all(start <= first < last <= stop for first, last in word.offsets)
            end = stop

    @settings(max_examples=200, deadline=None)
    @given(
        st.text(
            st.sampled_from("a\u0301\u0323\u0345\u034f\u302e\u302f\U0001d165\U0001d166\u1b44é각"), max_size=30
        )
    )
    def test_own_canonical_order_is_that_of_unicode(self, text: str) -> None:
        expected = [c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn"]
        assert strip_accents(text, range(len(text)))[0] == "".join(expected)

    def test_every_decomposition_is_made_of_the_single_ones(self) -> None:
        composed = [chr(c) for c in range(0x30000) if unicodedata.decomposition(chr(c))]
        assert len(composed) > 5_000
        for c in composed:
            expected = "".join(x for x in unicodedata.normalize("NFD", c) if unicodedata.category(x) != "Mn")
            assert strip_accents(c, [7]) == (expected, [7] * len(expected))


class TestHostileText:
    """200,000 characters made to be slow; ``unicodedata.normalize`` alone takes 8 s for the first."""

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("a" + "\u0301\u0323" * 100_000, id="marks"),
            pytest.param("a" + "\u302e\U0001d165" * 100_000, id="marks that stay"),
            pytest.param("a" * 100_000, id="one word"),
            pytest.param("é" * 200_000, id="accents"),
            pytest.param("'Σ" * 100_000, id="sigmas"),
            pytest.param("Α" + "'" * 100_000 + "Σ" + "'" * 100_000, id="a sigma far from letters"),
            pytest.param("İ" * 200_000, id="lengthened"),
            pytest.param("각" * 100_000, id="hangul"),
            pytest.param(". " * 100_000, id="dots"),
            pytest.param("\u00ad" * 200_000, id="dropped"),
            pytest.param("漢" * 200_000, id="ideographs"),
        ],
    )
    def test_takes_linear_time(self, text: str) -> None:
        started = time.process_time()
        BasicTokenizer().words(text)
        assert time.process_time() - started < 5  # about 0.5 s alone on a core
