"""``bertwright tokenize``: pieces for people, JSON for machines, one line for each mistake."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bertwright.cli.app import run
from bertwright.tokenization import Tokenizer, TokenizerSettings, Vocabulary
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

TOKENS = [*SPECIAL_TOKENS, "un", "##aff", "##able", "he", "##llo", "Hello", ",", "漢", "[", "]", "mask"]


@pytest.fixture
def vocab(tmp_path: Path) -> str:
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in TOKENS), "utf-8")
    return str(path)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))

    return put


Capture = pytest.CaptureFixture[str]


def lines(capsys: Capture) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestForMachines:
    def test_jsonl_of_lines(self, vocab: str, typed: Any, capsys: Capture) -> None:
        typed("Unaffable, x\r\n\nHé\u2028llo 漢[MASK]".encode())
        assert run(["tokenize", vocab, "--jsonl", "--lower-case"]) == 0
        first, second, third = lines(capsys)
        assert first["tokens"] == ["un", "##aff", "##able", ",", "[UNK]"]
        assert first["ids"] == [5, 6, 7, 11, 1]
        assert first["offsets"] == [[0, 2], [2, 5], [5, 9], [9, 10], [11, 12]]
        assert second == {"tokens": [], "ids": [], "offsets": []}
        assert third["tokens"] == ["he", "[UNK]", "漢", "[", "mask", "]"]
        assert third["offsets"] == [[0, 2], [3, 6], [7, 8], [8, 9], [9, 13], [13, 14]]

    def test_jsonl_of_jsonl(self, vocab: str, typed: Any, capsys: Capture) -> None:
        typed(b'{"text": "hello\\nhello", "id": 7}\n{"text": ""}\n')
        assert run(["tokenize", vocab, "--jsonl", "--input-format", "jsonl"]) == 0
        assert [row["ids"] for row in lines(capsys)] == [[8, 9, 8, 9], []]

    def test_jsonl_of_arguments(self, vocab: str, capsys: Capture) -> None:
        assert run(["tokenize", vocab, "--jsonl", "hello", "un he"]) == 0
        assert [row["ids"] for row in lines(capsys)] == [[8, 9], [5, 8]]

    def test_json(self, vocab: str, capsys: Capture) -> None:
        assert run(["tokenize", vocab, "--json", "--no-lower-case", "Hello"]) == 0
        (answer,) = lines(capsys)
        assert answer["size"] == len(TOKENS)
        assert answer["texts"] == [{"tokens": ["Hello"], "ids": [10], "offsets": [[0, 5]]}]

    def test_a_folder_knows_its_casing(self, tmp_path: Path, capsys: Capture) -> None:
        tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS), TokenizerSettings(do_lower_case=False))
        for name, data in tokenizer.files().items():
            (tmp_path / name).write_bytes(data)
        for flags, tokens in ([], ["Hello"]), (["--lower-case"], ["he", "##llo"]):
            assert run(["tokenize", str(tmp_path), "--json", *flags, "Hello"]) == 0
            assert lines(capsys)[0]["texts"][0]["tokens"] == tokens

    def test_text_that_looks_like_an_option(self, vocab: str, capsys: Capture) -> None:
        assert run(["tokenize", vocab, "--jsonl", "--", "--json"]) == 0
        assert len(lines(capsys)[0]["tokens"]) == 3


class TestForPeople:
    def test_a_text_is_explained(self, vocab: str, capsys: Capture) -> None:
        assert run(["tokenize", vocab, "Unaffable, 漢"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("un ##aff ##able , 漢\n")
        assert "Una" not in out and "aff" in out and "2–5" in out

    def test_lines_give_lines(self, vocab: str, typed: Any, capsys: Capture) -> None:
        long = "unaffable " * 50
        typed(f"hello, hello\n\n{long}\n".encode())
        assert run(["tokenize", vocab]) == 0
        assert capsys.readouterr().out == f"he ##llo , he ##llo\n\n{('un ##aff ##able ' * 50).strip()}\n"

    def test_a_cased_vocabulary_is_remarked_on(self, vocab: str, capsys: Capture) -> None:
        assert run(["tokenize", vocab, "--jsonl", "he"]) == 0
        shown = capsys.readouterr()
        assert "line 11 Hello" in shown.err and len(shown.out.splitlines()) == 1

    def test_markup_and_escape_sequences_in_text_are_shown_plainly(self, vocab: str, capsys: Capture) -> None:
        assert run(["tokenize", vocab, "[bold]he[/bold]\x1b[31m"]) == 0
        assert "\x1b" not in capsys.readouterr().out


class TestMistakes:
    def refused(self, capsys: Capture, *arguments: str) -> str:
        assert run(["tokenize", *arguments]) == 2
        shown = capsys.readouterr()
        (line,) = [line for line in shown.err.splitlines() if line.startswith("error: ")]
        return line

    def test_no_vocabulary(self, capsys: Capture) -> None:
        assert "nothing there" in self.refused(capsys, "/nowhere/vocab.txt", "x")

    def test_invalid_utf_8(self, vocab: str, typed: Any, capsys: Capture) -> None:
        typed(b"fine\nna\xefve\n")
        assert "standard input:2: expected UTF-8" in self.refused(capsys, vocab)

    @pytest.mark.parametrize(
        "line",
        [
            "",
            "text",
            '"text"',
            "[]",
            "{}",
            '{"text": null}',
            '{"text": 1}',
            '{"text": "a", "text": "b"}',
            '{"text":',
            '{"text": "\\ud800"}',
            '{"text": NaN}',
            "[" * 100_000,
        ],
    )
    def test_jsonl_without_a_text(self, vocab: str, typed: Any, capsys: Capture, line: str) -> None:
        typed(f'{{"text": "fine"}}\n{line}\n'.encode())
        assert "standard input:2: " in self.refused(capsys, vocab, "--input-format", "jsonl", "--jsonl")

    @pytest.mark.parametrize("text", ["a\udcff", "a\ud800"])
    def test_an_argument_that_is_not_utf_8(self, vocab: str, capsys: Capture, text: str) -> None:
        assert "error: TEXT: expected UTF-8" in self.refused(capsys, vocab, text)

    def test_contradictions(self, vocab: str, capsys: Capture) -> None:
        assert "--input-format" in self.refused(capsys, vocab, "x", "--input-format", "jsonl")
        assert run(["tokenize", vocab, "x", "--json", "--jsonl"]) == 2
        assert "only one of" in lines(capsys)[0]["error"]["message"]

    def test_an_unknown_input_format(self, vocab: str, capsys: Capture) -> None:
        self.refused(capsys, vocab, "--input-format", "csv")


def test_as_a_process(vocab: str) -> None:
    command = [sys.executable, "-m", "bertwright", "tokenize", vocab, "--jsonl", "--quiet"]
    done = subprocess.run(command, input="hello 漢\n".encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["tokens"] == ["he", "##llo", "漢"]
