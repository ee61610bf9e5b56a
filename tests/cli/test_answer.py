"""Span question answering as typed: fine-tuned, evaluated, predicted, and refused without a trace."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from small_models import save_pretrained

from bertwright.cli.app import run

CONTEXT = "the old man went to the sea and the house was dark"


def squad(path: Path, *, starts: tuple[int, ...] = (4, 24)) -> Path:
    """Two questions with answers at ``starts``, and one without."""
    answers = zip(("old man", "sea"), starts, strict=True)
    qas: list[dict[str, Any]] = [
        {"id": f"q{number}", "question": "where ?", "answers": [{"text": text, "answer_start": start}]}
        for number, (text, start) in enumerate(answers)
    ]
    qas.append({"id": "q2", "question": "why ?", "answers": [], "is_impossible": True})
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": CONTEXT, "qas": qas}]}]}))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pretrained(tmp_path_factory.mktemp("model") / "pretrained")


def finetune(model: Path, train: Path, output: Path, *flags: str) -> int:
    arguments = ["finetune", str(model), "--task", "answer", "--train", str(train), "--dev", str(train)]
    flags = (*flags, "--epochs", "1", "--set", "restarts=0", "--set", "answer.doc_stride=8")
    return run([*arguments, "-o", str(output), *flags])


def test_from_file_to_answers(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, output = squad(tmp_path / "train.json"), tmp_path / "answering"
    assert finetune(model, train, output, "--json", "--max-length", "20") == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert {"f1", "exact_match", "HasAns_f1", "NoAns_f1", "best_f1", "loss"} <= result["metrics"].keys()
    assert (result["rows"], result["metric"], result["truncated"]) == (3, "f1", 0)
    assert "1 of 3 questions have no answer: the threshold" in captured.err
    task = json.loads((output / "bertwright.json").read_text())["task"]
    assert (task["doc_stride"], task["max_length"]) == (8, 20)

    assert run(["evaluate", str(output), str(train), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["metrics"]
    assert again == pytest.approx(result["metrics"], abs=1e-6)

    answers = tmp_path / "answers.jsonl"
    assert run(["predict", str(output), str(train), "-o", str(answers)]) == 0
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["q0", "q1", "q2"]
    for row in rows:
        start, end = row["offsets"] or (0, 0)
        assert row["answer"] == CONTEXT[start:end]
        assert (row["answer"] == "") == (row["null_odds"] > task["null_threshold"])


def test_misaligned_answers_are_left_out_on_request(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = squad(tmp_path / "train.json", starts=(4, 23))
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.iterdir()}
    assert finetune(model, train, tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert 'train.json: question "q1": expected the answer "sea" at answer_start 23' in captured.err
    assert "(+1)" in captured.err
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.iterdir()} == before
    assert finetune(model, train, tmp_path / "out", "--drop-misaligned") == 0
    assert "left out 1 question whose answer is not at its offset" in capsys.readouterr().err


def test_a_submission_of_questions_without_ids_is_refused_before_any_work(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, answers = tmp_path / "answering", tmp_path / "answers.jsonl"
    assert finetune(model, squad(tmp_path / "train.json"), output) == 0
    table = tmp_path / "test.tsv"
    command = [
        "predict",
        str(output),
        str(table),
        "-o",
        str(answers),
        "--submission",
        str(tmp_path / "p.json"),
    ]
    table.write_text(f"question\tcontext\nwhere ?\t{CONTEXT}\n")
    capsys.readouterr()
    assert run(command) == 2
    hint = "(--submission names questions by a column id)"
    assert f'test.tsv:2: expected a question with an id, got "one without" {hint}' in capsys.readouterr().err
    assert not list(tmp_path.glob("answers*"))
    table.write_text(f"id\tquestion\tcontext\nx\twhere ?\t{CONTEXT}\n")
    assert run(command) == 0
    assert list(json.loads((tmp_path / "p.json").read_text())) == ["x"]
