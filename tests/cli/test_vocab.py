"""``bertwright vocab``: its folder, its object for machines, its report for people, one line a mistake."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from small_models import save_pretrained

from bertwright.cli.app import run
from bertwright.tokenization import Tokenizer

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    text = "The quick brown foxes jumped over the laziest dogs\nQuickly, quicker, quickest\n\n"
    path.write_text(text * 40, encoding="utf-8")
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def answer(capsys: Capture) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_for_machines(corpus: Path, tmp_path: Path, capsys: Capture) -> None:
    output = tmp_path / "vocab"
    assert run(["vocab", str(corpus), "-o", str(output), "--size", "60", "--json"]) == 0
    data = answer(capsys)
    assert {name: data[name] for name in ("size", "unk_rate", "output")} == {
        "size": 60,
        "unk_rate": 0.0,
        "output": str(output),
    }
    assert data["pieces_per_word"] >= 1 and 0 < data["coverage"] <= 1
    tokenizer = Tokenizer.load(output)
    assert len(tokenizer.vocabulary) == 60 and tokenizer.settings.do_lower_case


def test_for_people(corpus: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(["vocab", str(corpus), "-o", str(tmp_path / "vocab"), "--size", "50"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "tokens",
        "50",
        "alphabet",
        "pieces a word",
        "whole words",
        "unknown",
        "longest",
        "rarest",
        "##",
    ):
        assert part in shown


def test_cased(corpus: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(["vocab", str(corpus), "-o", str(tmp_path / "v"), "--size", "90", "--cased", "--quiet"]) == 0
    tokenizer = Tokenizer.load(tmp_path / "v")
    assert not tokenizer.settings.do_lower_case and "The" in tokenizer.vocabulary


def test_too_few_pieces_is_a_warning(corpus: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(["vocab", str(corpus), "-o", str(tmp_path / "v"), "--json"]) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert data["size"] < data["requested_size"] == 30522
    assert len(data["warnings"]) == 1 and "asked for 30,522 tokens" in " ".join(captured.err.split())
    assert len(Tokenizer.load(tmp_path / "v").vocabulary) == data["size"]


def test_overwrite_only_when_asked(corpus: Path, tmp_path: Path, capsys: Capture) -> None:
    command = ["vocab", str(corpus), "-o", str(tmp_path / "v"), "--quiet", "--size"]
    assert run([*command, "50"]) == 0
    before = tree(tmp_path)
    assert run([*command, "60"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert tree(tmp_path) == before
    assert run([*command, "60", "--overwrite"]) == 0
    assert len(Tokenizer.load(tmp_path / "v").vocabulary) == 60


@pytest.mark.parametrize("kind", ["model", "app"])
def test_what_is_not_replaced_is_refused_before_the_work(kind: str, tmp_path: Path, capsys: Capture) -> None:
    if kind == "model":
        save_pretrained(tmp_path / "v")
    else:
        (tmp_path / "v").mkdir()
        (tmp_path / "v" / "manifest.json").write_text('{"name": "an app"}')
    before = tree(tmp_path)
    absent = str(tmp_path / "absent.txt")  # would be missed as soon as the corpus is looked at
    assert run(["vocab", absent, "-o", str(tmp_path / "v"), "--overwrite"]) == 2
    assert "not an output of this command" in " ".join(capsys.readouterr().err.split())
    assert tree(tmp_path) == before


def test_held_out_file_and_compression(corpus: Path, tmp_path: Path, capsys: Capture) -> None:
    packed = tmp_path / "corpus.txt.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes(), mtime=0))
    other = tmp_path / "other.txt"
    other.write_text("the dogs ŷ", encoding="utf-8")
    arguments = ["--held-out", str(other), "--size", "80", "--json"]
    assert run(["vocab", str(packed), "-o", str(tmp_path / "v"), *arguments]) == 0
    data = answer(capsys)
    assert (data["measured_on"], data["measured_words"]) == ("other.txt", 3)


@pytest.mark.parametrize(
    "arguments, part",
    [
        (["{corpus}", "-o", "{here}/absent/v"], "parent directory"),
        (["{here}/absent.txt", "-o", "{here}/v"], "nothing there"),
        (["{corpus}", "{corpus}", "-o", "{here}/v"], "once"),
        (["{corpus}", "-o", "{here}/v", "--size", "4"], "--size"),
        (["{corpus}", "-o", "{here}/v", "--size", "1e4"], "10000"),
        (["{corpus}", "-o", "{here}/v", "--size", "0"], "at least 1"),
        (["{corpus}", "-o", "{here}/v", "--min-count", "999999"], "--min-count: expected at most"),
        (["{corpus}", "-o", "{here}/v", "--held-out", "{here}/no"], "nothing there"),
        (["{here}", "-o", "{here}/v"], "outside the input"),
        (["{corpus}", "-o", "{corpus}"], "exists"),
        (["{corpus}"], "output"),
        (["-o", "{here}/v"], "corpus"),
        (["{corpus}", "-o", "{here}/v", "--sise", "50"], "--size"),
    ],
)
def test_mistakes(corpus: Path, tmp_path: Path, capsys: Capture, arguments: list[str], part: str) -> None:
    before = tree(tmp_path)
    filled = [argument.format(corpus=corpus, here=tmp_path) for argument in arguments]
    assert run(["vocab", *filled]) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and part.lower() in lines[0].lower()
    assert captured.out == "" and tree(tmp_path) == before


@pytest.mark.parametrize(
    "data, part",
    [
        (b"", "empty"),
        (b"\n \n", "word"),
        (b"caf\xe9\n", "UTF-8"),
        (b"\x7fELF\x02\x01" + bytes(60), "ELF"),
        (b"PK\x03\x04" + bytes(60), "zip"),
        (gzip.compress(b"text " * 1000, mtime=0)[:-20], "cut short"),
        (gzip.compress(bytes(100), mtime=0), "NUL"),
        (b"a\xed\xa0\x80", "surrogate"),
    ],
)
def test_corpora_that_are_no_text(tmp_path: Path, capsys: Capture, data: bytes, part: str) -> None:
    path = tmp_path / "corpus"
    path.write_bytes(data)
    assert run(["vocab", str(path), "-o", str(tmp_path / "v"), "--json"]) == 2
    message = answer(capsys)["error"]["message"]
    assert part in message and "\n" not in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_the_disk_is_full(
    corpus: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    assert run(["vocab", str(corpus), "-o", str(tmp_path / "v"), "--size", "60", "--json"]) == 1
    assert "ENOSPC" in answer(capsys)["error"]["message"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["corpus.txt"]


def test_extend(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = save_pretrained(tmp_path / "model")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the zyzzyva saw a quokka .\n\n" * 20)
    output = tmp_path / "my out"
    answer = command("vocab", "--extend", model, corpus, "-o", output, "--add", "2", "--json")
    assert answer.code == 0
    assert answer.json["words"] == ["zyzzyva", "quokka"]
    assert answer.json["pieces_per_word"] == 1 < answer.json["pieces_per_word_before"]
    assert command("inspect", output, "--json").json["tokenizer"]["size"] == answer.json["size"]
    answer = command("vocab", "--extend", model, corpus, "-o", output, "--overwrite")
    assert answer.code == 0
    assert f"--vocab'{output}'-o".replace(" ", "") in "".join(answer.out.split()), "whole for a shell"
    assert "2 new pieces of" in answer.out and "zyzzyva (20), quokka (20)" in answer.out
    assert "asked for 1,000 new pieces, found 2" in answer.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--extend", "model", "--size", "99"], "--size: expected none with --extend"),
        (["--extend", "model", "--cased"], "--cased: expected none with --extend"),
        (["--add", "5"], "--add: expected --extend MODEL with it"),
        (["--unused"], "--unused: expected --extend MODEL with it"),
        (["--extend", "model", "--add", "0"], "expected at least 1"),
        (["--extend", "model", "--unused"], "--add: expected 1 to 0"),
        (["--extend", "nothing"], "expected a model folder"),
        (["--extend", "corpus.txt"], "expected a model folder"),
    ],
)
def test_extending_wrongly(command, tmp_path: Path, flags: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    save_pretrained(tmp_path / "model")
    (tmp_path / "corpus.txt").write_text("the zyzzyva saw a quokka .\n\n" * 20)
    places = {name: str(tmp_path / name) for name in ("model", "nothing", "corpus.txt")}
    given = [places.get(flag, flag) for flag in flags]
    answer = command("vocab", tmp_path / "corpus.txt", "-o", tmp_path / "out", *given)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert message in answer.err
    assert not (tmp_path / "out").exists()
