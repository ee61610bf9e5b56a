"""The whole tokenizer: golden strings in six ways, places, special tokens, decoding, the fast way."""

from __future__ import annotations

import pickle
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.errors import VocabularyError
from bertwright.tokenization import Tokenizer, TokenizerSettings, Vocabulary
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS
from tokenization import google
from tokenization.test_basic import TEXTS

WAYS = [(name, casing) for name in ("uncased", "cased", "chinese") for casing in google.CASINGS]
SMALL = Vocabulary.from_tokens([*SPECIAL_TOKENS, "un", "##aff", "##able", "i", "##s", "漢", "[", "]", "mask"])


class TestGoldenStrings:
    @pytest.mark.parametrize(("name", "casing"), WAYS)
    def test_tokens_and_ids(self, name: str, casing: str) -> None:
        tokenizer = google.tokenizer(name, google.CASINGS[casing])
        rows = google.golden_strings()
        assert len(rows) == 1_555
        for row in rows:
            encoding = tokenizer.encode(row["text"])
            assert encoding.tokens == row[f"{name}_{casing}"]["tokens"], row["id"]
            assert encoding.ids == row[f"{name}_{casing}"]["ids"], row["id"]
            assert tokenizer.basic.tokenize(row["text"]) == row[f"basic_{casing}"], row["id"]

    @pytest.mark.parametrize(("name", "casing"), WAYS)
    def test_ids_by_the_fast_way(self, name: str, casing: str) -> None:
        rows = google.golden_strings()
        found = google.tokenizer(name, google.CASINGS[casing]).encode_ids([row["text"] for row in rows])
        for row, ids in zip(rows, found, strict=True):
            assert ids.tolist() == row[f"{name}_{casing}"]["ids"], row["id"]


def check_code_points(number: int, code_points: list[int]) -> None:
    """Ids of each code point in a template, by both ways, against a table of ``codepoints_wordpiece``."""
    table = google.golden_json("codepoints_wordpiece.json.gz")["tables"][number]
    expected = dict.fromkeys(code_points, table["default_ids"])
    for ids, ranges in table["groups"]:
        expected.update(dict.fromkeys(google.in_ranges(ranges) & expected.keys(), ids))
    tokenizer = google.tokenizer(table["vocab"], table["do_lower_case"])
    texts = [table["template"].format(chr(code)) for code in code_points]
    fast = tokenizer.encode_ids(texts)
    for code, text, ids in zip(code_points, texts, fast, strict=True):
        assert tokenizer.encode(text).ids == ids.tolist() == expected[code], f"U+{code:04X}"


class TestGoldenCodePoints:
    @pytest.mark.parametrize("number", range(6))
    def test_a_sample(self, number: int) -> None:
        assert len(google.golden_json("codepoints_wordpiece.json.gz")["tables"]) == 6
        check_code_points(number, google.sampled_code_points()[number::13])

    @pytest.mark.slow
    @pytest.mark.parametrize("number", range(6))
    @pytest.mark.parametrize("plane", google.PLANES)
    def test_all(self, number: int, plane: int) -> None:
        check_code_points(number, google.plane(plane))


class TestPlaces:
    def test_pieces(self) -> None:
        encoding = Tokenizer(SMALL).encode("  Unaffable, İs漢!")
        assert encoding.tokens == ["un", "##aff", "##able", "[UNK]", "i", "##s", "漢", "[UNK]"]
        assert encoding.offsets == [(2, 4), (4, 7), (7, 11), (11, 12), *((n, n + 1) for n in range(13, 17))]
        assert encoding.word_ids == [0, 0, 0, 1, 2, 2, 3, 4]
        assert len(encoding) == 8

    def test_an_unknown_word_is_one_place(self) -> None:
        assert Tokenizer(SMALL).encode("is nothing").offsets == [(0, 1), (1, 2), (3, 10)]

    def test_on_all_golden_strings(self) -> None:
        tokenizer = google.tokenizer("uncased", True)
        pieces = 0
        for row in google.golden_strings():
            encoding = tokenizer.encode(row["text"])
            assert (
                len(encoding.tokens) == len(encoding.ids) == len(encoding.offsets) == len(encoding.word_ids)
            )
            for (start, end), token in zip(encoding.offsets, encoding.tokens, strict=True):
                assert 0 <= start < end <= len(row["text"])
                again = "".join(tokenizer.basic.tokenize(row["text"][start:end]))
                if "Σ" not in row["text"] and token != "[UNK]":  # a sigma's form depends on its neighbours
                    assert token.removeprefix("##") in again
                pieces += 1
            steps = [after - before for before, after in pairwise(encoding.word_ids)]
            assert set(steps) <= {0, 1} and encoding.word_ids[:1] in ([], [0])
        assert pieces == 47_248


class TestSpecialTokens:
    TEXT = "is[MASK] un [SEP][mask]"

    def test_typed_in_text_they_are_text(self) -> None:
        encoding = Tokenizer(SMALL).encode(self.TEXT)
        assert encoding.tokens[2:5] == ["[", "mask", "]"]
        assert not {SMALL.mask_id, SMALL.sep_id} & set(encoding.ids)

    @pytest.mark.parametrize("special", SPECIAL_TOKENS)
    @pytest.mark.parametrize("casing", google.CASINGS)
    def test_none_of_them_ever_becomes_its_id(self, special: str, casing: str) -> None:
        tokenizer = google.tokenizer("uncased", google.CASINGS[casing])
        text = f"the {special} a{special}b {special}{special}"
        forbidden = tokenizer.vocabulary.special_ids - {tokenizer.vocabulary.unk_id}
        assert not forbidden & set(tokenizer.encode(text).ids)
        assert not forbidden & set(tokenizer.encode_ids([text])[0].tolist())

    def test_allowed(self) -> None:
        encoding = Tokenizer(SMALL).encode(self.TEXT, allow_special=True)
        assert encoding.tokens == ["i", "##s", "[MASK]", "un", "[SEP]", "[", "mask", "]"]
        assert encoding.ids[2] == SMALL.mask_id and encoding.ids[4] == SMALL.sep_id
        assert encoding.offsets == [(0, 1), (1, 2), (2, 8), (9, 11), (12, 17), (17, 18), (18, 22), (22, 23)]
        assert encoding.word_ids == [0, 0, 1, 2, 3, 4, 5, 6]

    def test_allowed_at_the_borders(self) -> None:
        encoding = Tokenizer(SMALL).encode("[MASK][MASK]", allow_special=True)
        assert encoding.ids == [SMALL.mask_id] * 2
        assert encoding.offsets == [(0, 6), (6, 12)] and encoding.word_ids == [0, 1]

    @settings(max_examples=100, deadline=None)
    @given(TEXTS)
    def test_allowed_or_not_makes_no_other_difference(self, text: str) -> None:
        tokenizer = Tokenizer(SMALL)
        if "[" not in text:
            assert tokenizer.encode(text, allow_special=True) == tokenizer.encode(text)


class TestFastWay:
    def test_shapes_and_types(self) -> None:
        ids, offsets = Tokenizer(SMALL).words_to_ids(["unaffable", "", "is", "漢is"])
        assert ids.dtype == np.uint32 and offsets.dtype == np.int64
        assert ids.tolist() == [5, 6, 7, 8, 9, 10, 8, 9]
        assert offsets.tolist() == [0, 3, 3, 5, 8]

    @pytest.mark.parametrize("chunks", [[], [""], ["", ""], ["\u00ad"]])
    def test_nothing(self, chunks: list[str]) -> None:
        ids, offsets = Tokenizer(SMALL).words_to_ids(chunks)
        assert ids.tolist() == [] and offsets.tolist() == [0] * (len(chunks) + 1)
        assert [part.tolist() for part in Tokenizer(SMALL).encode_ids(chunks)] == [[]] * len(chunks)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(TEXTS, max_size=8), st.booleans())
    def test_equals_the_plain_way(self, texts: list[str], lower: bool) -> None:
        tokenizer = google.tokenizer("uncased", lower)
        assert [ids.tolist() for ids in tokenizer.encode_ids(texts)] == [
            tokenizer.encode(t).ids for t in texts
        ]

    def test_blocks_have_no_effect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        texts = [row["text"] for row in google.golden_strings()]
        tokenizer = google.tokenizer("uncased", True)
        whole = tokenizer.words_to_ids(texts)
        monkeypatch.setattr("bertwright.tokenization.engine._BLOCK_CHARACTERS", 100)
        parts = tokenizer.words_to_ids(texts)
        assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))

    def test_hostile_text_takes_linear_time(self) -> None:
        tokenizer = google.tokenizer("uncased", True)
        texts = ["a\u0301\u0323" * 70_000, "a" * 100_000, "Σ'" * 50_000, "漢字" * 50_000]
        started = time.process_time()
        ids = tokenizer.encode_ids(texts)
        assert time.process_time() - started < 5
        assert [len(part) for part in ids] == [1, 1, 100_000, 100_000]


class TestOther:
    def test_decode(self) -> None:
        tokenizer = Tokenizer(SMALL)
        ids = [SMALL.cls_id, *tokenizer.encode("Unaffable is 漢 x").ids, SMALL.sep_id, SMALL.pad_id]
        assert tokenizer.decode(ids) == "unaffable is 漢 [UNK]"
        assert tokenizer.decode(ids, skip_special=False) == "[CLS] unaffable is 漢 [UNK] [SEP] [PAD]"
        assert tokenizer.decode(np.array([6, 7], np.uint32)) == "##affable"
        assert tokenizer.decode([]) == ""

    @pytest.mark.parametrize("index", [-1, 14])
    def test_decode_refuses_ids_outside(self, index: int) -> None:
        with pytest.raises(VocabularyError, match=f"id {index}: expected 0 to 13"):
            Tokenizer(SMALL).decode([index])

    def test_the_digest_tells_vocabulary_and_settings_apart(self) -> None:
        other = Vocabulary.from_tokens([*SMALL.tokens[:-2], *SMALL.tokens[:-3:-1]])
        assert len(other) == len(SMALL) and set(other.tokens) == set(SMALL.tokens)
        digests = {
            Tokenizer(v, TokenizerSettings(do_lower_case=c)).digest
            for v in (SMALL, other)
            for c in (False, True)
        }
        assert len(digests) == 4
        assert Tokenizer(SMALL).digest == Tokenizer(SMALL, TokenizerSettings()).digest

    def test_pickling(self) -> None:
        tokenizer = Tokenizer(SMALL, TokenizerSettings(do_lower_case=False))
        copy = pickle.loads(pickle.dumps(tokenizer))
        assert copy.digest == tokenizer.digest and copy.encode_ids(["is"])[0].tolist() == [8, 9]

    def test_a_bare_file_lower_cases_unless_told_otherwise(self, tmp_path: Path) -> None:
        path = tmp_path / "vocab.txt"
        path.write_text(SMALL.to_text(), "utf-8")
        assert Tokenizer.load(path).settings == TokenizerSettings()
        assert not Tokenizer.load(path, lower_case=False).settings.do_lower_case
