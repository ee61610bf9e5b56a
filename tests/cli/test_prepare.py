"""``bertwright prepare``: the object for scripts, the table for people, one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bertwright.cli.app import run
from bertwright.data.store import TokenStore
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def vocab(tmp_path: Path) -> str:
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in [*SPECIAL_TOKENS, *"abc.", "##a", "##b", "##c"]))
    return str(path)


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    path = tmp_path / "corpus.txt"
    path.write_text("Aa bb. Cc aa.\nAbc.\n\nBb cc. Xx.\n")
    return str(path)


def test_the_object_for_scripts(tmp_path: Path, vocab: str, corpus: str, capsys: Capture) -> None:
    output = str(tmp_path / "store")
    assert run(["prepare", corpus, "--vocab", vocab, "-o", output, "--workers", "1", "--json"]) == 0
    shown = capsys.readouterr()
    (line,) = shown.out.splitlines()
    result = json.loads(line)
    assert {name: result[name] for name in ("documents", "sentences", "tokens", "shards", "output")} == {
        "documents": 2,
        "sentences": 5,
        "tokens": 21,
        "shards": 1,
        "output": output,
    }
    assert result["bytes"] == 27
    assert result["seconds"] > 0
    assert TokenStore.open(output).num_tokens == 21


def test_the_table_for_people(tmp_path: Path, vocab: str, corpus: str, capsys: Capture) -> None:
    arguments = ["prepare", corpus, "--vocab", vocab, "-o", str(tmp_path / "store"), "--workers", "1"]
    assert run([*arguments, "--one-sentence-per-line"]) == 0
    shown = capsys.readouterr()
    for words in ("documents 2", "sentences 3 1.5 a document", "tokens 21", "unknown 1"):
        assert words in " ".join(shown.out.split())
    assert "\x1b" not in shown.out + shown.err
    assert TokenStore.open(tmp_path / "store").num_sentences == 3


def test_warnings_go_to_stderr(tmp_path: Path, vocab: str, corpus: str, capsys: Capture) -> None:
    (tmp_path / "unknown.txt").write_text("Xx.\n\nXx\nyy\n")
    arguments = [
        str(tmp_path / "unknown.txt"),
        corpus,
        "--vocab",
        vocab,
        "-o",
        str(tmp_path / "s"),
        "--quiet",
    ]
    assert run(["prepare", *arguments, "--workers", "1", "--json"]) == 0
    shown = capsys.readouterr()
    assert "warning: 1 documents are nothing but [UNK]" in " ".join(shown.err.split())
    assert len(json.loads(shown.out)["warnings"]) == 1


MISTAKES: list[tuple[list[str], str]] = [
    (
        ["absent.txt", "--vocab", "vocab.txt", "-o", "s"],
        "absent.txt: expected a corpus file, got nothing there",
    ),
    (["corpus.txt", "--vocab", "absent", "-o", "s"], "absent"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "corpus.txt"], "exists already"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "no/s"], "parent directory does not exist"),
    (["corpus.txt", "corpus.txt", "--vocab", "vocab.txt", "-o", "s"], "each file once"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "s", "--format", "docx"], "docx"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "s", "--language", "english"], "--language"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "s", "--workers", "1e1"], "write 10"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "s", "--workers", "-1"], "at least 0"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "s", "--max-line-bytes", "0"], "at least 1"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "s", "--max-line-bytes", "3"], "at most 3 bytes"),
    (["corpus.txt", "--vocab", "vocab.txt"], "--output"),
    (["corpus.txt", "--vocab", "vocab.txt", "-o", "s", "--engine", "spark"], "--engine"),
    (["a\0b", "--vocab", "vocab.txt", "-o", "s"], "NUL"),
    (["."], "--vocab"),
    ([".", "--vocab", "vocab.txt", "-o", "s"], "outside the input"),
    (["bad.txt", "--vocab", "vocab.txt", "-o", "s"], "bad.txt:1: expected text in UTF-8"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vocab: str, corpus: str, capsys: Capture,
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.txt").write_bytes(b"a \xff\n")
    before = sorted(p.name for p in tmp_path.iterdir())
    workers = [] if "--workers" in arguments else ["--workers", "1"]
    for as_json in (False, True):
        assert run(["prepare", *arguments, *workers, *(["--json"] if as_json else [])]) == 2
        shown = capsys.readouterr()
        found: Any = json.loads(shown.out)["error"]["message"] if as_json else shown.err
        assert message in found
        assert len((shown.out + shown.err).splitlines()) == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_single_document_is_for_masked_lm(tmp_path: Path, vocab: str, capsys: Capture) -> None:
    (tmp_path / "single.txt").write_text("A b. C.\n")
    arguments = ["prepare", str(tmp_path / "single.txt"), "--vocab", vocab, "-o", str(tmp_path / "s")]
    assert run([*arguments, "--workers", "1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "at least two documents" in line and "--mlm-only" in line
    assert run([*arguments, "--workers", "1", "--mlm-only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reused_parts"] == 1


def test_help_names_every_option(capsys: Capture) -> None:
    assert run(["prepare", "--help"]) == 0
    shown = capsys.readouterr().out
    options = "--vocab --output -o --workers --one-sentence-per-line --language --format --text"
    for option in f"{options} --max-line-bytes --mlm-only --overwrite --json --quiet".split():
        assert option in shown
