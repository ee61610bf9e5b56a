"""A published task by its name, from training to the file that its evaluation takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bertwright.checkpoints.model_folder import open_model

QUICK = ("--epochs", "1", "--set", "restarts=0", "--seed", "1")
TEXTS = ("the sea is good", "good morning", "the sea", "a bad sea", "the good")


@pytest.fixture
def cola(tmp_path: Path) -> Path:
    """CoLA's files: labelled ones without header, and one to be answered that has one."""
    rows = [f"gj04\t{number % 2}\t\t{text}\n" for number, text in enumerate(TEXTS * 4)]
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / name).write_text("".join(rows))
    (tmp_path / "test.tsv").write_text(
        "index\tsentence\n" + "".join(f"{n}\t{t}\n" for n, t in enumerate(TEXTS))
    )
    return tmp_path


def test_cola_to_its_submission(command: Callable[..., Any], pretrained_folder: Path, cola: Path) -> None:
    files = ("--train", cola / "train.tsv", "--dev", cola / "dev.tsv", "-o", cola / "model")
    made = command("finetune", pretrained_folder, "--task", "cola", *files, *QUICK, "--json")
    assert made.code == 0, made.err
    stored = open_model(cola / "model").task or {}
    assert (stored["preset"], stored["kind"], stored["metric"]) == (
        "CoLA",
        "classify",
        "matthews_correlation",
    )
    scored = command("evaluate", cola / "model", cola / "dev.tsv", "--json")
    assert scored.code == 0 and scored.json["rows"] == 20
    asked = ("predict", cola / "model", cola / "test.tsv", "-o", cola / "answers.jsonl")
    answer = command(*asked, "--submission", cola / "CoLA.tsv", "--json")
    assert answer.code == 0 and answer.json["submission"] == str(cola / "CoLA.tsv") and answer.err == ""
    answers = [json.loads(line) for line in (cola / "answers.jsonl").read_text().splitlines()]
    lines = (cola / "CoLA.tsv").read_text().splitlines()
    assert lines[0] == "index\tprediction" and len(lines) == 1 + len(TEXTS)
    assert lines[1:] == [f"{number}\t{row['label']}" for number, row in enumerate(answers)]
    plain = command("predict", cola / "model", cola / "test.tsv", "-o", cola / "plain.jsonl")
    assert plain.code == 0  # the test file's own columns, also where no submission is asked for
    assert (cola / "plain.jsonl").read_bytes() == (cola / "answers.jsonl").read_bytes()
    labelled = command("predict", cola / "model", cola / "dev.tsv", "-o", cola / "labelled.jsonl", "--json")
    assert labelled.code == 0 and labelled.json["rows"] == 20 and labelled.err == ""
    again = command(*asked, "--submission", cola / "CoLA.tsv", "--json")
    assert again.code == 2 and "CoLA.tsv" in again.json["error"]["message"]


def test_a_submission_has_every_row(command: Callable[..., Any], pretrained_folder: Path, cola: Path) -> None:
    files = ("--train", cola / "train.tsv", "--dev", cola / "dev.tsv", "-o", cola / "model")
    assert command("finetune", pretrained_folder, "--task", "CoLA", *files, *QUICK).code == 0
    (cola / "holes.tsv").write_text("index\tsentence\n0\tthe sea\n1\t\n")
    output, submission = cola / "answers.jsonl", cola / "other.tsv"
    answer = command("predict", cola / "model", cola / "holes.tsv", "-o", output, "--submission", submission)
    assert answer.code == 2 and "holes.tsv:3" in answer.err
    assert not output.exists() and not submission.exists()
    answer = command("predict", cola / "model", cola / "test.tsv", "-o", output, "--submission", submission)
    assert answer.code == 0 and "other.tsv: GLUE's server wants it as CoLA.tsv" in answer.err


def test_numbers_and_options_that_override(
    command: Callable[..., Any], pretrained_folder: Path, tmp_path: Path
) -> None:
    rows = "".join(f"{text}\t{text} again\t{number % 6}\n" for number, text in enumerate(TEXTS * 3))
    (tmp_path / "train.tsv").write_text("sentence1\tsentence2\tworth\n" + rows)
    files = ("--train", tmp_path / "train.tsv", "--dev", tmp_path / "train.tsv", "-o", tmp_path / "model")
    options = ("--label", "worth", "--set", "metric=pearson")
    assert command("finetune", pretrained_folder, "--task", "sts-b", *files, *options, *QUICK).code == 0
    stored = open_model(tmp_path / "model").task or {}
    assert (stored["preset"], stored["metric"], stored["columns"]["label"]) == ("STS-B", "pearson", "worth")
    assert (stored["minimum"], stored["maximum"], stored["clip"]) == (0.0, 5.0, False)
    (tmp_path / "test.tsv").write_text("index\tsentence1\tsentence2\n0\tthe sea\tgood\n")
    output, submission = tmp_path / "answers.jsonl", tmp_path / "STS-B.tsv"
    asked = ("predict", tmp_path / "model", tmp_path / "test.tsv", "-o", output, "--submission", submission)
    assert command(*asked).code == 0
    value = json.loads(output.read_text())["value"]
    assert submission.read_text() == f"index\tprediction\n0\t{value:.6f}\n"


def test_an_unknown_name(command: Callable[..., Any], pretrained_folder: Path, cola: Path) -> None:
    files = ("--train", cola / "train.tsv", "--dev", cola / "dev.tsv", "-o", cola / "model")
    answer = command("finetune", pretrained_folder, "--task", "COAL", *files, "--json")
    assert answer.code == 2 and "did you mean CoLA?" in answer.json["error"]["message"]
    assert not (cola / "model").exists()


def test_conll_to_its_submission(
    command: Callable[..., Any], pretrained_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "train.txt").write_text("the O\nsea B-LOC\n\ngood O\nmorning O\n\n" * 6)
    files = ("--train", tmp_path / "train.txt", "--dev", tmp_path / "train.txt", "-o", tmp_path / "model")
    assert command("finetune", pretrained_folder, "--task", "conll2003", *files, *QUICK).code == 0
    (tmp_path / "test.txt").write_text("good\nsea\n\nthe\n")
    output, submission = tmp_path / "answers.jsonl", tmp_path / "tags.txt"
    asked = ("predict", tmp_path / "model", tmp_path / "test.txt", "-o", output, "--submission", submission)
    answer = command(*asked)
    assert answer.code == 0, answer.err
    first, second = (json.loads(line)["tags"] for line in output.read_text().splitlines())
    assert submission.read_text() == f"good {first[0]}\nsea {first[1]}\n\nthe {second[0]}\n\n"


def test_squad_to_its_submission(
    command: Callable[..., Any], pretrained_folder: Path, tmp_path: Path
) -> None:
    answers = [{"text": "sea", "answer_start": 4}]
    asked = [{"id": f"q{n}", "question": "good sea", "answers": answers} for n in range(6)]
    data = {"data": [{"title": "t", "paragraphs": [{"context": "the sea is good", "qas": asked}]}]}
    path = tmp_path / "squad.json"
    path.write_text(json.dumps(data))
    files = ("--train", path, "--dev", path, "-o", tmp_path / "model")
    assert command("finetune", pretrained_folder, "--task", "SQuAD", *files, *QUICK).code == 0
    output, submission = tmp_path / "answers.jsonl", tmp_path / "predictions.json"
    answer = command("predict", tmp_path / "model", path, "-o", output, "--submission", submission)
    assert answer.code == 0, answer.err
    given = [json.loads(line)["answer"] for line in output.read_text().splitlines()]
    assert json.loads(submission.read_text()) == {f"q{n}": text for n, text in enumerate(given)}


def test_swag_to_its_submission(command: Callable[..., Any], pretrained_folder: Path, tmp_path: Path) -> None:
    """The files as they are published, with the index that pandas wrote into them."""
    head = ",video-id,sent1,sent2,ending0,ending1,ending2,ending3"
    rows = [f"{9 - n},v,the sea,she was,good,bad,old {n},dark" for n in range(6)]
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text(f"{head},label\n" + "".join(f"{row},{n % 4}\n" for n, row in enumerate(rows)))
    test.write_text(f"{head}\n" + "".join(f"{row}\n" for row in rows))
    files = ("--train", train, "--dev", train, "-o", tmp_path / "model")
    assert command("finetune", pretrained_folder, "--task", "swag", *files, *QUICK).code == 0
    output, submission = tmp_path / "answers.jsonl", tmp_path / "pred.csv"
    answer = command("predict", tmp_path / "model", test, "-o", output, "--submission", submission)
    assert answer.code == 0, answer.err
    labels = [json.loads(line)["label"] for line in output.read_text().splitlines()]
    expected = [",pred", *(f"{9 - n},{label}" for n, label in enumerate(labels))]
    assert submission.read_text().splitlines() == expected
    scored = command("evaluate", tmp_path / "model", train, "-o", tmp_path / "scored.jsonl")
    assert scored.code == 0
    told = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [row["target"] for row in told] == [n % 4 for n in range(6)]


def test_choices_are_scored_in_the_words_of_answers(
    command: Callable[..., Any], pretrained_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "arc.csv"
    file.write_text("".join(f"who {n},good,bad,old,{'BCA'[n % 3]}\n" for n in range(6)))
    files = ("--train", file, "--dev", file, "-o", tmp_path / "model")
    assert command("finetune", pretrained_folder, "--task", "choose", *files, *QUICK).code == 0
    options = ("-o", tmp_path / "scored.jsonl", "--device", "cpu", "--json")
    answer = command("evaluate", tmp_path / "model", file, *options)
    told = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [row["target"] for row in told] == list("BCABCA") and {row["label"] for row in told} <= set("ABC")
    right = sum(row["target"] == row["label"] for row in told)
    assert answer.json["metrics"]["accuracy"] == pytest.approx(right / 6)
