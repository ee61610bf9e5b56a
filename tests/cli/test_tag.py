"""The kind ``tag`` as typed: finetune, evaluate and predict, and one line for each mistake in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
SENTENCES = "the DT O 0\nsea NN B-PLACE 0\nroom NN I-PLACE 0\n\nhe PR O 0\nsaw VB O 0\nparis NP B-PLACE 0\n\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "train.txt").write_text(SENTENCES * 8)
    (tmp_path / "dev.txt").write_text("-DOCSTART- X O 0\n\n" + SENTENCES)
    return tmp_path


def test_from_files_to_tags(data: Path, pretrained_folder: Path, command: Command) -> None:
    flags = ["--label", "3", "--epochs", "2", "--set", "tag.stride=5", "--json"]
    files = ["--train", data / "train.txt", "--dev", data / "dev.txt", "-o", data / "tagger"]
    answer = command("finetune", pretrained_folder, "--task", "tag", *files, *flags)
    assert answer.code == 0, answer.err
    assert answer.json["rows"] == 2 and answer.json["metric"] == "f1"
    assert "tags in IOB2 spell entities of the types PLACE" in answer.err
    stored = json.loads((data / "tagger" / "bertwright.json").read_text())["task"]
    assert stored["labels"] == ["B-PLACE", "I-PLACE", "O"] and stored["stride"] == 5
    assert stored["columns"] == {"text": "1", "text_pair": None, "label": "3", "names": None}

    answer = command("evaluate", data / "tagger", data / "dev.txt", "-o", data / "rows.jsonl", "--json")
    assert answer.code == 0, answer.err
    assert set(answer.json["metrics"]) >= {"f1", "precision", "recall", "f1_strict", "f1_PLACE", "accuracy"}
    first = json.loads((data / "rows.jsonl").read_text().splitlines()[0])
    assert first["line"] == 3 and first["target"] == ["O", "B-PLACE", "I-PLACE"]

    (data / "texts.txt").write_text("He saw the sea.\n\nParis!\n")
    texts = ["--format", "text", "-o", data / "out.jsonl", "--json"]
    answer = command("predict", data / "tagger", data / "texts.txt", *texts)
    assert answer.code == 0 and answer.json["failed"] == 1, answer.err
    rows = [json.loads(line) for line in (data / "out.jsonl").read_text().splitlines()]
    assert [row["row"] for row in rows] == [0, 2]
    assert rows[0]["words"] == ["He", "saw", "the", "sea", "."]
    assert rows[0]["offsets"] == [[0, 2], [3, 6], [7, 10], [11, 14], [14, 15]]
    assert len(rows[0]["tags"]) == 5 and rows[0]["truncated"] is False


@pytest.mark.parametrize(
    "content,message",
    [
        ("the O\nsea\n", "train.txt:2: expected 2 columns, got 1"),
        ("O the\nB-X sea\n", "tags seem to come first: say --text 2 --label 1"),
        ("the o\nsea b-x\n", "train.txt:2: expected tags with B- and I-"),
        ("the NN O\nsea DT B-X\n", "--label NUMBER for the column of the tags"),
        ("the O\nsea B-Y\n", "dev.txt:4: expected a tag among B-Y, O"),
    ],
)
def test_mistakes_are_one_line(
    content: str, message: str, tmp_path: Path, pretrained_folder: Path, command: Command
) -> None:
    (tmp_path / "train.txt").write_text(content)
    (tmp_path / "dev.txt").write_text("the O\n\n-DOCSTART-\nsea B-X\n")
    files = ["--train", tmp_path / "train.txt", "--dev", tmp_path / "dev.txt", "-o", tmp_path / "out"]
    answer = command("finetune", pretrained_folder, "--task", "tag", *files, "--quiet")
    assert answer.code == 2
    assert message in answer.err and answer.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.txt", "train.txt"]
