"""Predictions of a whole file: order, decoding, unusable rows set apart, resumed equal to unbroken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import LABELS, WORDS

from bertwright import durable
from bertwright.errors import InputError, ModelError, RunError
from bertwright.inference.model import Model
from bertwright.inference.prediction_file import predict_file
from bertwright.randomness import generator
from bertwright.tables.columns import Columns


def texts(count: int) -> list[str]:
    draw = generator(7, "texts")
    return [" ".join(draw.choice(WORDS, draw.integers(1, 30))) for _ in range(count)]


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.tsv"
    path.write_text("id\ttext\n" + "".join(f"{n}\t{text}\n" for n, text in enumerate(texts(20))))
    return path


def test_answers_of_transformers(classifier: Model, classifier_folder: Path, file: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = transformers.BertForSequenceClassification.from_pretrained(classifier_folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(classifier_folder)
    output = file.with_name("answers.jsonl")
    summary = predict_file(classifier, file, output, rows_per_block=8)
    answers = records(output)
    assert [answer["row"] for answer in answers] == list(range(20))
    assert (summary.rows, summary.failed, summary.errors) == (20, 0, None)
    cut = 0
    for text, answer in zip(texts(20), answers, strict=True):
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=24)
        with torch.inference_mode():
            expected = torch.softmax(model(**inputs).logits[0].double(), 0).numpy()
        assert list(answer["probabilities"]) == list(LABELS)
        np.testing.assert_allclose(list(answer["probabilities"].values()), expected, atol=1e-5)
        assert answer["label"] == LABELS[int(expected.argmax())]
        cut += answer["truncated"]
    assert summary.truncated == cut > 0
    assert len({answer["label"] for answer in answers}) > 1


def test_pairs(pair_classifier: Model, tmp_path: Path) -> None:
    file, output = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows = [{"text": "the sea", "other": "a door"}, {"text": "good", "other": "a very long story"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    predict_file(pair_classifier, file, output)
    expected = pair_classifier.predict([("the sea", "a door"), ("good", "a very long story")])
    assert [answer["label"] for answer in records(output)] == [p.to_dict()["label"] for p in expected]


def test_unusable_rows_are_set_apart(classifier: Model, tmp_path: Path) -> None:
    """Rows keep their numbers; each failure names its row and line."""
    file, output = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    values = ["the sea", None, "a door", " ", "", "good", 7]
    file.write_text("".join(json.dumps({"text": value}) + "\n" for value in values))
    summary = predict_file(classifier, file, output, rows_per_block=2)
    assert [answer["row"] for answer in records(output)] == [0, 2, 5]
    assert summary.errors == tmp_path / "answers.errors.jsonl"
    failures = records(summary.errors)
    assert [(failure["row"], failure["line"]) for failure in failures] == [(1, 2), (3, 4), (4, 5), (6, 7)]
    assert "column 'text': expected a text" in failures[0]["error"]
    assert (summary.rows, summary.failed, summary.failed_lines) == (7, 4, (2, 4, 5))
    alone = classifier.predict(["the sea", "a door", "good"])
    assert [answer["label"] for answer in records(output)] == [p.to_dict()["label"] for p in alone]


@pytest.mark.parametrize(
    ("name", "lines", "failed"),
    [
        ("rows.tsv", ["id\ttext", "1\tthe sea", "2", "3\tgood\t!", "4\tgood"], [(1, 3), (2, 4)]),
        ("rows.csv", ["id,text", "1,the sea", "2", "", '3,"a, b"'], [(1, 3), (2, 4)]),
        (
            "rows.jsonl",
            [
                '{"text": "the sea"}',
                "{",
                "[1]",
                "7",
                '{"text": "a", "b": 1}',
                '{"text": "\\ud800"}',
                '{"text": "good"}',
            ],
            [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)],
        ),
    ],
)
def test_damaged_rows_are_set_apart(
    classifier: Model, tmp_path: Path, name: str, lines: list[str], failed: list[tuple[int, int]]
) -> None:
    file, output = tmp_path / name, tmp_path / "answers.jsonl"
    file.write_text("\n".join(lines) + "\n")
    summary = predict_file(classifier, file, output, rows_per_block=2)
    assert summary.errors is not None
    failures = records(summary.errors)
    assert [(failure["row"], failure["line"]) for failure in failures] == failed
    assert all(f"{name}:{failure['line']}: " in failure["error"] for failure in failures)
    answered = [answer["row"] for answer in records(output)]
    assert answered == sorted(set(range(summary.rows)) - {row for row, _ in failed})
    assert len(answered) == 2
    with pytest.raises(InputError, match=f"{name}:{failed[0][1]}: "):
        predict_file(classifier, file, tmp_path / "strict.jsonl", strict=True)


def test_strict_refuses_them(classifier: Model, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('id,text\n1,the sea\n2,""\n')
    with pytest.raises(InputError, match=r"rows.csv:3: column 'text': expected a text, got"):
        predict_file(classifier, file, tmp_path / "answers.jsonl", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_no_usable_row_at_all(classifier: Model, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('id,text\n1,""\n2,""\n')
    with pytest.raises(InputError, match=r"rows.csv:2: column 'text': expected a text"):
        predict_file(classifier, file, tmp_path / "answers.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_errors_of_a_replaced_output_go(classifier: Model, tmp_path: Path) -> None:
    file, output = tmp_path / "rows.csv", tmp_path / "answers.jsonl"
    file.write_text('id,text\n1,""\n2,good\n')
    predict_file(classifier, file, output)
    file.write_text("id,text\n1,bad\n2,good\n")
    with pytest.raises(InputError, match="output exists already"):
        predict_file(classifier, file, output)
    summary = predict_file(classifier, file, output, overwrite=True)
    assert summary.errors is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "rows.csv"]


def test_old_errors_stay_until_the_new_output_is_there(
    classifier: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, output = tmp_path / "rows.csv", tmp_path / "answers.jsonl"
    file.write_text('id,text\n1,""\n2,good\n')
    predict_file(classifier, file, output)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("answers*")}
    file.write_text("id,text\n1,bad\n2,good\n")

    def full(path: Path, **_: Any) -> Any:
        raise RunError("the disk is full")

    monkeypatch.setattr(durable, "open_new", full)
    with pytest.raises(RunError, match="full"):
        predict_file(classifier, file, output, overwrite=True)
    assert len(before) == 2
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("name", ["answers.jsonl", "answers.errors.jsonl"])
def test_an_output_that_is_a_directory_is_refused_before_the_work(
    classifier: Model, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="it is a directory, which no file replaces"):
        predict_file(classifier, tmp_path / "absent.csv", tmp_path / "answers.jsonl", overwrite=True)


def test_resumed_run_gives_the_same_bytes(
    classifier: Model, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(file.read_text() + "20\t\n21\tgood\n")  # row 20 has no text
    whole, resumed = file.with_name("whole.jsonl"), file.with_name("resumed.jsonl")
    predict_file(classifier, file, whole, rows_per_block=4)
    calls = 0

    def broken(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise RunError("the machine stopped")
        return Model.predict(classifier, *args, **options)

    monkeypatch.setattr(classifier, "predict", broken)
    for _ in range(5):
        with pytest.raises(RunError):
            predict_file(classifier, file, resumed, rows_per_block=4, resume=True)
        assert not resumed.exists()
    monkeypatch.undo()
    predict_file(classifier, file, resumed, rows_per_block=4, resume=True)
    assert resumed.read_bytes() == whole.read_bytes()
    assert (
        resumed.with_name("resumed.errors.jsonl").read_bytes()
        == whole.with_name("whole.errors.jsonl").read_bytes()
    )


def test_killed_between_the_errors_and_the_answers(
    classifier: Model, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the answers are, the rows without one are told, too; until then the work can be gone on with."""
    file.write_text(file.read_text() + "20\t\n")
    output, errors = file.with_name("answers.jsonl"), file.with_name("answers.errors.jsonl")
    write = durable.open_new

    def stopped(path: Path, **options: Any) -> Any:
        if path == output:
            raise RunError("the machine stopped")
        return write(path, **options)

    monkeypatch.setattr(durable, "open_new", stopped)
    with pytest.raises(RunError):
        predict_file(classifier, file, output)
    monkeypatch.undo()
    assert [failure["row"] for failure in records(errors)] == [20]
    with pytest.raises(InputError, match="unfinished work: go on with --resume"):
        predict_file(classifier, file, output)
    (file.parent / "answers.jsonl.partial" / "seconds.json").write_text('{"seconds": 1000.0}')
    summary = predict_file(classifier, file, output, resume=True)
    assert (len(records(output)), len(records(errors))) == (20, 1)
    assert summary.seconds > 1000.0, "of both processes"
    assert not list(file.parent.glob("*.partial"))


def test_errors_of_other_work_are_not_replaced(classifier: Model, file: Path) -> None:
    errors = file.with_name("answers.errors.jsonl")
    errors.write_text("mine")
    with pytest.raises(InputError, match=r"answers\.errors\.jsonl: output exists already"):
        predict_file(classifier, file, file.with_name("answers.jsonl"), resume=True)
    assert errors.read_text() == "mine"


def test_columns_of_another_name(classifier: Model, tmp_path: Path) -> None:
    file, output = tmp_path / "rows.csv", tmp_path / "answers.jsonl"
    file.write_text("review,stars\nthe sea,1\n")
    with pytest.raises(InputError, match='expected a column "text"'):
        predict_file(classifier, file, output)
    assert predict_file(classifier, file, output, columns=Columns(text="review")).rows == 1


def test_file_without_header(classifier: Model, tmp_path: Path) -> None:
    file, output = tmp_path / "rows.tsv", tmp_path / "answers.jsonl"
    file.write_text("1\tthe sea\n2\ta door\n")
    assert predict_file(classifier, file, output, columns=Columns(text="2")).rows == 2


def test_model_that_was_not_fine_tuned(pretrained: Model, file: Path) -> None:
    with pytest.raises(ModelError, match="expected a fine-tuned model"):
        predict_file(pretrained, file, file.with_name("answers.jsonl"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("the sea", "expected a list of texts"),
        (["the sea", ""], "row 1: expected a text"),
        (["the sea", None], "row 1: expected a text"),
        ([("a", "b", "c")], "row 0: expected a text or a pair"),
        ([("a", 1)], "row 0: expected a pair of texts"),
        (["the sea", ("a", "b")], "row 1: expected one text, as in training"),
    ],
)
def test_rows_that_are_no_texts(classifier: Model, rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classifier.predict(rows)


def test_pairs_are_not_answered_by_halves(pair_classifier: Model) -> None:
    for row in ("the sea", ("the sea", None), ["the sea"]):
        with pytest.raises(InputError, match="row 0: expected a pair of texts, as in training, got"):
            pair_classifier.predict([row])


def test_nothing_to_predict(classifier: Model) -> None:
    assert classifier.predict([]) == []


def test_a_blank_line_is_a_row_without_an_answer(classifier: Model, tmp_path: Path) -> None:
    file, output = tmp_path / "rows.tsv", tmp_path / "answers.jsonl"
    file.write_text(f"text\n{WORDS[0]}\n\n{WORDS[1]}\n\n")  # the one behind the last row is none
    summary = predict_file(classifier, file, output)
    assert (summary.rows, summary.failed) == (3, 1)
    assert [answer["row"] for answer in records(output)] == [0, 2]
    errors = records(tmp_path / "answers.errors.jsonl")
    assert [(error["row"], error["line"]) for error in errors] == [(1, 3)]
    assert "column 'text': expected a text, got" in errors[0]["error"]


@pytest.mark.parametrize(
    ("name", "content", "columns", "lines"),
    [
        ("rows.tsv", "\ngood\t1\n\nbad\t2\n", Columns(text="1"), [1, 2, 3, 4]),
        ("rows.csv", "text,n\ngood,1\n\n \nbad,2\n", None, [2, 3, 4, 5]),
        ("rows.jsonl", '\n{"text": "good"}\n\n{"text": "bad"}\n\n', None, [1, 2, 3, 4]),
    ],
)
def test_blank_lines_move_no_row(
    classifier: Model, tmp_path: Path, name: str, content: str, columns: Columns | None, lines: list[int]
) -> None:
    file, output = tmp_path / name, tmp_path / "answers.jsonl"
    file.write_text(content)
    summary = predict_file(classifier, file, output, columns=columns)
    assert summary.rows == len(lines)
    failures = records(tmp_path / "answers.errors.jsonl")
    answered = {lines[answer["row"]] for answer in records(output)}
    assert {failure["line"] for failure in failures} == set(lines) - answered
    assert all("a blank line" in failure["error"] for failure in failures)
    assert len(answered) == 2
