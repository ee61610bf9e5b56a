"""Vocabulary files: what they give, and the line in which each mistake is named."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from bertwright.errors import VocabularyError
from bertwright.tokenization import Vocabulary
from bertwright.tokenization import vocabulary as module
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS
from tokenization import google

GOOD = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n##s\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vocab.txt"


def refusal(path: Path, data: bytes | str) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(VocabularyError) as caught:
        Vocabulary.load(path)
    message = caught.value.message
    assert caught.value.exit_code == 2 and len(message) <= 300 and "\n" not in message
    assert message.startswith(f"{path}:")
    return message.removeprefix(f"{path}:")


class TestGood:
    def test_ids_are_line_numbers(self, path: Path) -> None:
        path.write_text(GOOD, "utf-8")
        vocabulary = Vocabulary.load(path)
        assert len(vocabulary) == 7
        assert vocabulary.tokens == (*SPECIAL_TOKENS, "the", "##s")
        assert [vocabulary.id(token) for token in vocabulary.tokens] == list(range(7))
        assert "the" in vocabulary and "The" not in vocabulary and 5 not in vocabulary

    def test_special_ids(self) -> None:
        vocabulary = Vocabulary.from_tokens(["a", "[MASK]", "[SEP]", "[CLS]", "[UNK]", "##b", "[PAD]"])
        ids = (vocabulary.pad_id, vocabulary.unk_id, vocabulary.cls_id, vocabulary.sep_id, vocabulary.mask_id)
        assert ids == (6, 4, 3, 2, 1)
        assert vocabulary.special_ids == {1, 2, 3, 4, 6}

    def test_starts_word_is_bool_and_read_only(self) -> None:
        starts = Vocabulary.from_tokens([*SPECIAL_TOKENS, "#", "##", "##a", "a##"]).starts_word
        assert starts.dtype == np.bool_
        assert starts.tolist() == [True] * 6 + [False, False, True]
        with pytest.raises(ValueError, match="read-only"):
            starts[0] = False

    def test_text_and_digest(self, path: Path) -> None:
        path.write_text(GOOD.removesuffix("\n"), "utf-8")  # the last line end may be missing
        vocabulary = Vocabulary.load(path)
        assert vocabulary.to_text() == GOOD
        assert vocabulary.digest == hashlib.sha256(GOOD.encode()).hexdigest()

    @pytest.mark.parametrize(("name", "size"), [("uncased", 30_522), ("cased", 28_996), ("chinese", 21_128)])
    def test_published_vocabularies(self, name: str, size: int) -> None:
        vocabulary = google.vocabulary(name)
        assert len(vocabulary) == size
        assert [vocabulary.id(token) for token in SPECIAL_TOKENS] == [0, 100, 101, 102, 103]

    def test_characters_that_other_readers_take_for_line_ends(self, path: Path) -> None:
        odd = ["\u0085", "\u2028", "##\u2029", "\x0b", "\x0c", "\x1c", "\ufeff"]
        path.write_text(GOOD + "".join(f"{token}\n" for token in odd), "utf-8")
        assert Vocabulary.load(path).tokens[7:] == tuple(odd)

    def test_seventy_thousand_tokens(self) -> None:
        assert len(Vocabulary.from_tokens([*SPECIAL_TOKENS, *map(str, range(70_000))])) == 70_005

    def test_equality_and_pickling(self) -> None:
        one, other = Vocabulary.from_tokens(SPECIAL_TOKENS), Vocabulary.from_tokens([*SPECIAL_TOKENS, "a"])
        assert one != other and one != "[PAD]"
        assert pickle.loads(pickle.dumps(other)) == other and hash(other) == hash(
            pickle.loads(pickle.dumps(other))
        )
        assert "6 tokens" in repr(other)

    def test_an_unknown_token_has_no_id(self) -> None:
        with pytest.raises(VocabularyError, match='got "nope"'):
            Vocabulary.from_tokens(SPECIAL_TOKENS).id("nope")


class TestRefused:
    def test_nothing_there(self, path: Path) -> None:
        with pytest.raises(VocabularyError, match="nothing there"):
            Vocabulary.load(path)

    def test_a_directory(self, tmp_path: Path) -> None:
        with pytest.raises(VocabularyError, match="a directory"):
            Vocabulary.load(tmp_path)

    def test_a_pipe(self, path: Path) -> None:
        os.mkfifo(path)
        with pytest.raises(VocabularyError, match="no regular file"):
            Vocabulary.load(path)

    def test_a_path_with_nul(self) -> None:
        with pytest.raises(VocabularyError):
            Vocabulary.load("a\0b")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, path: Path) -> None:
        path.write_text(GOOD, "utf-8")
        path.chmod(0)
        with pytest.raises(VocabularyError, match="Permission denied"):
            Vocabulary.load(path)

    def test_an_empty_file(self, path: Path) -> None:
        assert 'expected tokens, got "an empty file"' in refusal(path, b"")

    @pytest.mark.parametrize("special", SPECIAL_TOKENS)
    def test_a_missing_special_token(self, path: Path, special: str) -> None:
        message = refusal(path, GOOD.replace(f"{special}\n", ""))
        assert message.startswith(f' expected the special token {special}, got "none" (')

    @pytest.mark.parametrize("spelling", ["[mask]", "[Mask]", "MASK", "<mask>", "mask"])
    def test_a_special_token_in_another_spelling(self, path: Path, spelling: str) -> None:
        assert f"(line 5 has {spelling}: write [MASK])" in refusal(path, GOOD.replace("[MASK]", spelling))

    def test_a_repeated_token_names_both_lines(self, path: Path) -> None:
        assert (
            refusal(path, GOOD + "the\n") == '8: expected each token once, got "the" (line 6 has it already)'
        )

    @pytest.mark.parametrize("end", ["\n", "\n\n"])
    def test_blank_lines_at_the_end(self, path: Path, end: str) -> None:
        assert refusal(path, GOOD + end) == '8: expected a token, got "a blank line"'

    def test_a_blank_line_inside(self, path: Path) -> None:
        assert refusal(path, GOOD.replace("the", "\nthe")) == '6: expected a token, got "a blank line"'

    @pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u3000"])
    def test_a_line_of_white_space(self, path: Path, blank: str) -> None:
        assert refusal(path, GOOD + blank + "\n") == '8: expected a token, got "a blank line"'

    @pytest.mark.parametrize("token", ["the ", "the\t", " the", "the\u00a0"])
    def test_white_space_around_a_token(self, path: Path, token: str) -> None:
        assert refusal(path, GOOD + token + "\n").startswith("8: expected a token without white space around")

    @pytest.mark.parametrize("token", ["two words", "a\tb", "a\u3000b"])
    def test_white_space_inside_a_token(self, path: Path, token: str) -> None:
        assert refusal(path, GOOD + token + "\n").startswith("8: expected a token without white space inside")

    def test_windows_line_ends(self, path: Path) -> None:
        message = refusal(path, GOOD.replace("\n", "\r\n"))
        assert message == '1: expected lines that end with LF, got "CRLF" (convert the line ends to LF)'

    def test_one_windows_line_end(self, path: Path) -> None:
        assert refusal(path, GOOD.replace("the\n", "the\r\n")).startswith("6: ")

    def test_lone_carriage_returns(self, path: Path) -> None:
        assert 'got "a lone CR"' in refusal(path, GOOD.replace("\n", "\r"))

    def test_a_byte_order_mark(self, path: Path) -> None:
        assert refusal(path, GOOD.encode("utf-8-sig")).startswith(
            '1: expected a token, got "a byte order mark" ('
        )

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
    def test_utf_16(self, path: Path, encoding: str) -> None:
        assert "expected" in refusal(
            path, ("\ufeff" if encoding != "utf-16" else "").encode(encoding) + GOOD.encode(encoding)
        )

    def test_bytes_that_are_not_utf_8(self, path: Path) -> None:
        assert (
            refusal(path, GOOD.encode() + b"caf\xe9\n") == '8: expected UTF-8, got "byte 0xe9 at offset 42"'
        )

    def test_encoded_surrogates_and_overlong_forms(self, path: Path) -> None:
        for data in (b"\xed\xa0\x80\n", b"\xc0\xaf\n"):
            assert refusal(path, GOOD.encode() + data).startswith("8: expected UTF-8")

    @pytest.mark.parametrize(
        "text", ['{"model": {"vocab": {"[UNK]": 0}}}', '["[PAD]", "[UNK]"]', '{\n  "a": 1\n}\n']
    )
    def test_json(self, path: Path, text: str) -> None:
        assert 'expected one token a line, got "JSON"' in refusal(path, text)

    @pytest.mark.parametrize("last", SPECIAL_TOKENS)
    @pytest.mark.parametrize("first", SPECIAL_TOKENS)
    @pytest.mark.parametrize("end", ["\n", ""])
    def test_special_tokens_are_not_json(self, path: Path, first: str, last: str, end: str) -> None:
        between = [token for token in SPECIAL_TOKENS if token not in (first, last)]
        tokens = [first, *between, "word", *([last] if first != last else ["]"])]
        path.write_text("\n".join(tokens) + end, "utf-8")
        assert list(Vocabulary.load(path).tokens) == tokens
        path.write_bytes("\r\n".join(tokens).encode())
        with pytest.raises(VocabularyError, match="CRLF"):
            Vocabulary.load(path)

    def test_braces_as_tokens_are_not_json(self, path: Path) -> None:
        path.write_text("{\n" + GOOD + "}\n", "utf-8")
        assert len(Vocabulary.load(path)) == 9

    def test_too_many_lines(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_TOKENS", 6)
        assert refusal(path, GOOD) == ' expected at most 6 tokens, got "7 lines"'
        with pytest.raises(VocabularyError, match="at most 6"):
            Vocabulary.from_tokens(GOOD.split())

    def test_too_many_bytes(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_BYTES", 10)
        assert "at most 10 bytes" in refusal(path, GOOD)

    def test_control_characters_are_escaped_in_the_message(self, path: Path) -> None:
        assert r"a\x1b[31m b" in refusal(path, GOOD + "a\x1b[31m b\n")

    def test_the_awkward_file_that_the_original_loads(self, path: Path) -> None:
        golden = google.golden_json("load_vocab.json")
        assert refusal(path, golden["file_text"]).startswith('9: expected lines that end with LF, got "CRLF"')


# The original strips every line and lets the last of equal lines win. Here each line of its awkward file, put
# into a good file by itself, is refused for this reason, or is a token just as it stands (None).
AWKWARD_LINES = {
    "[PAD]": "each token once",
    "[UNK]": "each token once",
    "hello": None,
    " world ": "a token without white space around",
    "": 'a token, got "a blank line"',
    "two words": "a token without white space inside",
    "tab\tin": "a token without white space inside",
    "crlf\r": "lines that end with LF",
    "\u00a0nbsp\u00a0": "a token without white space around",
    "line\u2028sep": None,
    "\u2028": None,
    "##ing": None,
    "# comment": "a token without white space inside",
    "\ufeffbom": None,
    "last without newline": "a token without white space inside",
}


def test_all_lines_of_the_awkward_file_are_judged() -> None:
    golden = google.golden_json("load_vocab.json")
    assert set(golden["file_text"].split("\n")) == set(AWKWARD_LINES)
    assert len(golden["vocab"]) == len(golden["inverse"]) == 14


@pytest.mark.parametrize("line", AWKWARD_LINES)
def test_a_line_of_the_awkward_file(path: Path, line: str) -> None:
    reason = AWKWARD_LINES[line]
    if reason is None:
        path.write_text(f"{GOOD}{line}\n", "utf-8", newline="")
        assert Vocabulary.load(path).tokens[-1] == line
    else:
        assert refusal(path, f"{GOOD}{line}\n").startswith(f"8: expected {reason}")
