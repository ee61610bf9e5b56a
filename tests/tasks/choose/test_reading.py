"""Questions in every layout that the data sets have, and what is said of those that are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from shared import shared_path

from bertwright.errors import InputError, TableError, UsageError
from bertwright.tables.columns import Columns
from bertwright.tasks.choose.question import questions_of
from bertwright.tasks.choose.task import ChooseTask
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.task import Posed
from bertwright.tokenization import Tokenizer

Pose = Callable[..., Posed[ChooseTask]]


@pytest.fixture
def pose(tokenizer: Tokenizer) -> Pose:
    def posed(path: Path, columns: Columns | None = None, **settings: object) -> Posed[ChooseTask]:
        chosen = FinetuneSettings.model_validate({"choose": settings})
        return ChooseTask.pose(path, columns or Columns(), tokenizer, 40, "auto", chosen)

    return posed


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def objects(path: Path, *rows: Mapping[str, object]) -> Path:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def test_arc(tmp_path: Path, pose: Pose) -> None:
    path = write(tmp_path / "arc.csv", 'What?,one,"two, or so",three,,B\nWho?,a man,a dog,a cat,a house,D\n')
    posed = pose(path)
    first, second = posed.train.examples
    assert (first.question, first.choices, first.target) == ("What?", ("one", "two, or so", "three"), 1)
    assert (len(second.choices), second.target, second.context, second.line) == (4, 3, None, 2)
    assert posed.task.style == "letter"
    assert "question '1', choices '2', '3', '4', '5', answer '6'" in posed.remarks[0]
    again = posed.task.read(path)
    assert again.examples == posed.train.examples
    assert [question.target for question in posed.task.read(path, labelled=False).examples] == [None, None]


def test_swag(tmp_path: Path, pose: Pose) -> None:
    header = ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n"
    row = "0,v,1,He sat. He,He sat.,He,gold,sang.,ate.,ran.,wrote.,2\n"
    (question,) = pose(write(tmp_path / "swag.csv", header + row)).train.examples
    assert (question.context, question.question, question.target) == ("He sat.", "He", 2)
    assert question.choices == ("sang.", "ate.", "ran.", "wrote.")


@pytest.mark.parametrize(
    ("answers", "style"), [([1, 0], "index"), (["b", "A"], "letter"), (["y", "x"], "text")]
)
def test_own_json_lines(tmp_path: Path, pose: Pose, answers: list[object], style: str) -> None:
    rows = [
        {"context": context, "question": "which?", "choices": ["x", "y"], "answer": answer}
        for context, answer in zip(["it is y", None], answers, strict=True)
    ]
    posed = pose(objects(tmp_path / "a.jsonl", *rows))
    assert posed.task.style == style
    assert [question.target for question in posed.train.examples] == [1, 0]
    assert [question.context for question in posed.train.examples] == ["it is y", None]


def test_c3(pose: Pose) -> None:
    posed = pose(shared_path("data/zh/c3/train.json"))
    assert len(posed.train) == 2726
    counts = [len(question.choices) for question in posed.train.examples]
    assert [counts.count(number) for number in (2, 3, 4)] == [126, 329, 2271]
    assert str(posed.train.examples[0].context).startswith("男：听说你们公司要派你去南方工作?\n女：")
    assert posed.train.warnings[0].startswith("train.json: 1 question with two equal choices")
    with pytest.raises(UsageError, match="no columns"):
        posed.task.read(shared_path("data/zh/c3/dev.json"), Columns(text="question"))


def test_real_arc_counts(pose: Pose) -> None:
    posed = pose(shared_path("data/arc/arc_challenge_train.csv"))
    places = [question.target for question in posed.train.examples]
    assert [places.count(place) for place in range(4)] == [233, 293, 287, 283]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Who?,a,b,c,d,E", "bad.csv:2: column '6': expected a letter from A to D, got \"E\""),
        ("Who?,a,b,,,C", 'expected a letter from A to B, got "C"'),
        ("Who?,a,b,c,d,", 'expected a letter from A to D, got "an empty one"'),
        (
            "Who?,a,,c,d,A",
            "bad.csv:2: column '2, 3, 4, 5': expected choices that are texts, got \"an empty one\"",
        ),
        ("Who?,a,,,,A", "expected 2 to 26 choices, got 1"),
        (",a,b,c,d,A", "bad.csv:2: column '1': expected a text"),
        ("Who?,a,b,A", "bad.csv:2: expected 6 columns, got 4"),
        ('Who?,"a,b,c,d,A', 'bad.csv:2: expected a closing "'),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, pose: Pose, row: str, message: str) -> None:
    with pytest.raises(TableError) as error:
        pose(write(tmp_path / "bad.csv", f"What?,a,b,c,d,A\n{row}\nWhat?,a,b,c,d,B\n"))
    assert message in error.value.message


def test_numbers_may_count_from_1(tmp_path: Path, pose: Pose) -> None:
    rows = [{"question": "q", "choices": ["x", "y"], "answer": answer} for answer in (1, 2)]
    path = objects(tmp_path / "a.jsonl", *rows)
    with pytest.raises(TableError, match=r"a number from 0 to 1, got 2 \(.*--set choose\.count_from=1\)"):
        pose(path)
    assert [question.target for question in pose(path, count_from=1).train.examples] == [0, 1]


def test_a_slip_among_answers_by_text_is_named_where_it_is(tmp_path: Path, pose: Pose) -> None:
    rows = [{"question": "q", "choices": ["x1", "y1"], "answer": answer} for answer in ("x1", "y1", "z1", 1)]
    with pytest.raises(
        TableError, match=r"a\.jsonl:3: column 'answer': expected the text of one of the choices"
    ):
        pose(objects(tmp_path / "a.jsonl", *rows))


def test_an_answer_that_two_choices_have_is_refused(tmp_path: Path, pose: Pose) -> None:
    rows = [{"question": "q", "choices": choices, "answer": "x"} for choices in (["x", "y"], ["x", "x"])]
    with pytest.raises(TableError, match="two choices have this text"):
        pose(objects(tmp_path / "a.jsonl", *rows))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "a list of passages with questions"),
        ([["a"]], "expected a passage, its questions and an id"),
        ([[["a"], [{"question": "q", "choice": ["x"], "answer": "x"}], "7"]], "2 to 26 choices, got 1"),
        (
            [[["a"], [{"question": "q", "choice": ["x", "y"], "answer": "z"}], "7"]],
            '[0][1][0] (7): "q": answer',
        ),
        ([[["a"], [{"question": "q", "choice": ["x", "y"]}], "7"]], "expected an answer, got"),
        ([["a", [{"question": "q", "choice": ["x", "y"], "answer": "x"}], "7"]], "a list of texts"),
        ([], "at least one question"),
        (
            [[["\ud800"], [{"question": "q", "choice": ["x", "y"], "answer": "x"}], "7"]],
            "(7): passage: expected",
        ),
        (
            [[["a"], [{"question": "\ud800", "choice": ["x", "y"], "answer": "x"}], "7"]],
            "(7): question: expected",
        ),
        (
            [[["a"], [{"question": "q", "choice": ["x", "y\ud800"], "answer": "x"}], "7"]],
            '[0][1][0] (7): choice: expected Unicode text, got "the lone surrogate U+D800"',
        ),
        (
            [[["a"], [{"question": "q", "choice": ["x", "y"], "answer": "\ud800"}], "7"]],
            "(7): answer: expected",
        ),
    ],
)
def test_damaged_c3(tmp_path: Path, pose: Pose, value: object, message: str) -> None:
    with pytest.raises(TableError) as error:
        pose(write(tmp_path / "c3.json", json.dumps(value)))
    assert message in error.value.message


def test_json_lines_under_the_name_of_c3(tmp_path: Path, pose: Pose) -> None:
    row = {"question": "q", "choices": ["x", "y"], "answer": 0}
    path = objects(tmp_path / "a.json", row, row)
    with pytest.raises(TableError, match=r"a\.json:2: expected JSON.*Extra data.*name the file \.jsonl"):
        pose(path)


def test_columns_that_cannot_be_guessed(tmp_path: Path, pose: Pose) -> None:
    path = write(tmp_path / "a.tsv", "q\tfirst\tsecond\tright\nwhich?\tx\ty\t1\n")
    with pytest.raises(TableError, match="--text COLUMN for the questions"):
        pose(path)
    columns = Columns("q", None, "right")
    with pytest.raises(TableError, match=r"--set choose\.choices=COLUMN,COLUMN"):
        pose(path, columns)
    assert pose(path, columns, choices="first, second").train.examples[0].choices == ("x", "y")


def test_python_inputs() -> None:
    short, long, mapping = questions_of(
        [("q", ["x", "y"]), ("c", "q", ("x", "y")), {"question": "q", "choices": ["x", "y"], "context": " "}]
    )
    assert short == mapping and long.context == "c" and short.choices == ("x", "y")
    for row in (
        "q",
        ("q",),
        ("", ["x", "y"]),
        ("q", ["x"]),
        ("q", ["x", ""]),
        ("q", "xy"),
        (1, "q", ["x", "y"]),
    ):
        with pytest.raises(InputError, match="row 1: expected"):
            questions_of([("q", ["x", "y"]), row])
