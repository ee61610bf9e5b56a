from __future__ import annotations

import json
from pathlib import Path

import pytest

from bertwright.cli.app import run
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "then", "it", "sleeps"]
LINES = [f"{' '.join(WORDS[(n + i * (1 + n % 4)) % 13] for i in range(9 + n % 5))} ." for n in range(120)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("\n\n".join("\n".join(LINES[n : n + 6]) for n in range(0, 120, 6)) + "\n")
    return path


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, *WORDS, "."]) + "\n")
    return path


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert isinstance(data, dict)
    return data


def test_corpus(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", str(corpus), "--json"]) == 0
    data = answer(capsys)
    assert (data["kind"], data["path"], data["samples"]) == ("corpus", [str(corpus)], [])
    assert data["facts"]["documents"] == 20  # type: ignore[index]


def test_the_name_of_the_text_and_the_longest_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"body": line}) + "\n" for line in LINES))
    for name in ("--text", "--text-field"):
        assert run(["doctor", str(corpus), name, "body", "--json"]) == 0
        assert answer(capsys)["facts"]["documents"] == 120  # type: ignore[index]
    assert run(["doctor", str(corpus), "--text", "body", "--max-line-bytes", "40"]) == 2
    assert "at most 40 bytes, got a longer one (--max-line-bytes)" in capsys.readouterr().err
    assert run(["doctor", str(corpus)]) == 2
    assert "(--text names another)" in capsys.readouterr().err


def test_corpus_with_a_vocabulary(corpus: Path, vocabulary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", str(corpus), "--vocab", str(vocabulary), "--samples", "2", "--json"]) == 0
    data = answer(capsys)
    assert len(data["samples"]) == 2  # type: ignore[arg-type]
    assert [finding["name"] for finding in data["findings"]] == ["little_text"]  # type: ignore[attr-defined]


def test_longer_lines_can_be_accepted(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", str(corpus), "--max-line-bytes", "20"]) == 2
    assert "--max-line-bytes" in capsys.readouterr().err
    assert run(["doctor", str(corpus), "--max-line-bytes", "2000", "--json"]) == 0


def test_store(corpus: Path, vocabulary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    made = ["prepare", str(corpus), "--vocab", str(vocabulary), "-o", str(store), "--one-sentence-per-line"]
    assert run([*made, "--workers", "1", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["doctor", str(store), "--json"]) == 0
    data = answer(capsys)
    assert data["kind"] == "store"
    assert data["facts"]["sentences"] == 120  # type: ignore[index]
    assert run(["doctor", str(store), "--max-length", "32", "--whole-word", "--mlm-only", "--json"]) == 0
    assert "random_next_share" not in answer(capsys)["facts"]  # type: ignore[operator]


def test_for_people(corpus: Path, vocabulary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", str(corpus), "--vocab", str(vocabulary)]) == 0
    shown = capsys.readouterr().out
    assert "WARNING" in shown and "by heart" in shown
    assert "[MASK]" in shown and "‹" in shown
    assert "random next share" in shown


def test_nothing_wrong(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", str(corpus), "--quiet"]) == 0
    assert "Nothing wrong was found." in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["absent.txt"], "nothing there"),
        (["{corpus}", "--max-length", "3"], "max_length"),
        (["{corpus}", "--language", "english please"], "language"),
        (["{corpus}", "--vocab", "absent"], "absent"),
        (["{corpus}", "--samples", "-1"], "at least 0"),
        ([], "path"),
    ],
)
def test_wrong_requests(
    corpus: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", *(argument.format(corpus=corpus) for argument in arguments)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err.lower()
    assert captured.err.count("\n") == 1


def test_a_broken_store(
    corpus: Path, vocabulary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert run(["prepare", str(corpus), "--vocab", str(vocabulary), "-o", str(store), "--quiet"]) == 0
    shard = next(store.glob("*.arrow"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    capsys.readouterr()
    assert run(["doctor", str(store)]) == 2
    assert shard.name in capsys.readouterr().err


def test_a_line_of_the_corpus_cannot_steer_the_terminal(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with corpus.open("a") as file:
        file.write("\n" + "\x1b]0;pwned\x07\x1b[2J <b>bold</b> &amp; {{cite|a}}\n" * 30)
    assert run(["doctor", str(corpus)]) == 0
    captured = capsys.readouterr()
    assert "\\x1b]0;pwned" in captured.out and "\x1b" not in captured.out + captured.err
