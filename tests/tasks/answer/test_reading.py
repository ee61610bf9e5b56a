"""Files of questions: SQuAD's JSON as published, and every way in which it can be wrong."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.errors import InputError, TableError, UsageError
from bertwright.tables.columns import Columns
from bertwright.tasks.answer.questions import Question, Reference, questions_of
from bertwright.tasks.answer.reading import (
    for_scoring,
    for_training,
    misaligned_error,
    open_questions,
    read_questions,
)
from bertwright.tasks.examples import ExampleFile

CONTEXT = "The film 😀 was great, and the café was dull."
VALID: dict[str, Any] = {
    "version": "1",
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "a",
                            "question": "What was great?",
                            "answers": [{"text": "film", "answer_start": 4}],
                        },
                        {"id": "b", "question": "Who?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}


def read(path: Path, *, labelled: bool = True) -> ExampleFile[Question]:
    source = open_questions(path, Columns(), None, format="auto", labelled=labelled)
    return read_questions(source)


def write(folder: Path, value: Any, name: str = "q.json") -> Path:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def changed(change: Callable[[Any], Any]) -> Any:
    """``VALID`` after a change of its first question, paragraph or whole."""
    value = deepcopy(VALID)
    change(value)
    return value


def question(value: Any) -> Any:
    return value["data"][0]["paragraphs"][0]["qas"][0]


def paragraph(value: Any) -> Any:
    return value["data"][0]["paragraphs"][0]


def test_what_is_read(tmp_path: Path) -> None:
    file = read(write(tmp_path, VALID))
    assert file.examples == [
        Question("What was great?", CONTEXT, "a", (Reference("film", 4),), 1),
        Question("Who?", CONTEXT, "b", (), 2),
    ]
    first, second = file.examples
    assert (first.target, second.target) == (("film",), ())
    assert first.trained == Reference("film", 4) and not first.is_impossible
    assert second.trained is None and second.is_impossible
    assert first.texts == ("What was great?", CONTEXT)
    assert first.shown == f"What was great? | {CONTEXT}"
    unlabelled = read(tmp_path / "q.json", labelled=False)
    assert [row.answers for row in unlabelled.examples] == [None, None]


@pytest.mark.parametrize(
    "suffix,compress",
    [(".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstandard.ZstdCompressor().compress)],
)
def test_compressed(suffix: str, compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / f"q.json{suffix}"
    path.write_bytes(compress(b"\xef\xbb\xbf" + json.dumps(VALID).encode()))
    assert len(read(path)) == 2
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TableError, match=r"q\.json"):
        read(path)


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda v: v.pop("data"), 'q.json: expected an object with a list "data", got "no such list"'),
        (lambda v: v.update(data={}), 'expected an object with a list "data"'),
        (lambda v: v.update(data=[]), 'q.json: expected at least one question, got "none"'),
        (lambda v: paragraph(v).update(qas=[]), "expected at least one question"),
        (lambda v: v.update(data=[3]), r"data\[0\]: expected an object, got 3"),
        (lambda v: v["data"][0].pop("paragraphs"), r"data\[0\].paragraphs: expected a list, got \"none\""),
        (lambda v: paragraph(v).pop("qas"), r"data\[0\].paragraphs\[0\].qas: expected a list"),
        (
            lambda v: paragraph(v)["qas"].append(None),
            r"qas\[2\]: expected an object, got \"null\"",
        ),
        (lambda v: question(v).update(id=7), r"qas\[0\].id: expected a text, got 7 \(write \"7\"\)"),
        (lambda v: question(v).pop("id"), r"qas\[0\].id: expected a text, got \"none\""),
        (lambda v: question(v).update(id="b"), 'question "b": expected each id once'),
        (lambda v: question(v).pop("question"), 'question "a": question: expected a text, got "none"'),
        (lambda v: question(v).update(question=["x"]), 'question "a": question: expected a text'),
        (
            lambda v: paragraph(v).update(context=""),
            'question "a": context: expected a text, got "an empty one"',
        ),
        (lambda v: paragraph(v).update(context=" \n"), 'question "a": context: expected a text, got " .n"'),
        (lambda v: paragraph(v).pop("context"), 'question "a": context: expected a text, got "none"'),
        (lambda v: paragraph(v).update(context="a \ud800 b"), "expected Unicode text, got .*U.D800"),
        (
            lambda v: question(v).update(id="\ud800"),
            r"qas\[0\].id: expected Unicode text, got .the lone surrogate U.D800",
        ),
        (
            lambda v: question(v).update(is_impossible=True),
            'question "a": expected no answers, since is_impossible is true, got "an answer"',
        ),
        (lambda v: question(v).update(is_impossible="no"), "is_impossible: expected true or false"),
        (
            lambda v: question(v).pop("answers"),
            'question "a": answers: expected a list, got "none" .*predicted',
        ),
        (lambda v: question(v).update(answers=[]), 'question "a": expected an answer.*"is_impossible": true'),
        (lambda v: question(v)["answers"].append("x"), r'"a": answers\[1\]: expected an object'),
        (
            lambda v: question(v)["answers"][0].update(text=""),
            r'answers\[0\].text: expected a text, got "an empty one"',
        ),
        (
            lambda v: question(v)["answers"][0].update(answer_start="4"),
            r'answers\[0\].answer_start: expected a whole number, got "4"',
        ),
        (lambda v: question(v)["answers"][0].update(answer_start=True), "expected a whole number, got True"),
        (lambda v: question(v)["answers"][0].pop("answer_start"), 'expected a whole number, got "none"'),
    ],
)
def test_what_is_refused(change: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=message) as caught:
        read(write(tmp_path, changed(change)))
    assert "\n" not in caught.value.message and len(caught.value.message) <= 300


@pytest.mark.parametrize(
    "text,message",
    [
        (json.dumps(VALID)[:-40], "q.json:1: expected JSON"),
        (json.dumps(VALID, indent=1)[:-40], r"q.json:\d\d: expected JSON"),
        (json.dumps(VALID).replace('"a",', '"a", "id": "c",'), 'expected each key once, got "id"'),
        ("[" * 100_000, "nested at most 64 deep"),
        ("[]", 'expected an object with a list "data"'),
        ('{"question": "a", "context": "b"}', "a single question.*JSON lines"),
        ('{"question": "a"}\n{"question": "b"}', "q.json:2: expected JSON, got .*Extra data.*JSON lines"),
        (" ", "expected JSON"),
        ("", "expected a file of rows, got"),
    ],
)
def test_files_that_are_no_such_json(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=message):
        read(write(tmp_path, text))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match='expected a file of rows, got "nothing there"'):
        read(tmp_path / "none.json")
    with pytest.raises(TableError, match="a directory"):
        (tmp_path / "d.json").mkdir()
        read(tmp_path / "d.json")
    with pytest.raises(UsageError, match='expected no columns, got "question"'):
        columns = Columns("question")
        open_questions(write(tmp_path, VALID), columns, columns, format="auto", labelled=True)


MISALIGNED = [
    (
        ("film", 3),
        r'"film" at answer_start 3, got " fil" \(it stands one further \(\+1\)',
    ),
    (("film", 5), r"it stands one before \(-1\): does the offset count from 1"),
    (("great", 16), r"the offset counts UTF-16 units; in characters it is 15"),
    (("great", 18), r"the offset counts bytes; in characters it is 15"),
    (("dull", 40), r"the offset counts UTF-16 units; in characters it is 39"),
    (("dull", 43), r"the offset counts bytes; in characters it is 39"),
    (("film", 30), r"it stands at 4; --drop-misaligned"),
    (("was", 30), r"it stands at 35; --drop-misaligned"),
    (("film", -1), r"an offset outside the passage of 44 characters.*it stands at 4"),
    (("film", 10**9), r"at answer_start 1,000,000,000, got .*outside the passage.*it stands at 4"),
    (("nothing", 3), r"it stands nowhere in the passage; --drop-misaligned"),
    ((" great, ", 0), r"at answer_start 0.*it stands at 14"),
    (("great ", 0), r"it stands only without its outer white space in the passage"),
]


@pytest.mark.parametrize("answer,message", MISALIGNED)
def test_misaligned(answer: tuple[str, int], message: str, tmp_path: Path) -> None:
    text, start = answer
    value = changed(lambda v: question(v).update(answers=[{"text": text, "answer_start": start}]))
    file = read(write(tmp_path, value))
    with pytest.raises(TableError, match=rf'q.json: question "a": expected the answer .*{message}'):
        for_training(file, drop_misaligned=False)
    dropped = for_training(file, drop_misaligned=True)
    assert [row.id for row in dropped.examples] == ["b"]
    assert dropped.warnings == ('q.json: left out 1 question whose answer is not at its offset: "a"',)
    kept = for_scoring(file)
    assert kept.examples == file.examples
    assert kept.warnings == ('q.json: 1 question whose answer is not at its offset, scored by the text: "a"',)


def test_one_answer_at_its_offset_is_enough(tmp_path: Path) -> None:
    answers = [{"text": "movie", "answer_start": -1}, {"text": "film", "answer_start": 4}]
    file = read(write(tmp_path, changed(lambda v: question(v).update(answers=answers))))
    trained = for_training(file, drop_misaligned=False)
    assert trained.examples[0].trained == Reference("film", 4)
    assert trained.examples[0].target == ("movie", "film")
    assert (
        len(trained.warnings) == 1
        and "1 question with an answer that is not at its offset" in trained.warnings[0]
    )
    assert for_scoring(file).warnings == ()
    with pytest.raises(ValueError, match="stands at its offset"):
        misaligned_error(file.path, file.examples[0])


def test_nothing_left_to_train_on(tmp_path: Path) -> None:
    def change(value: Any) -> None:
        question(value)["answers"][0]["answer_start"] = 7
        del paragraph(value)["qas"][1]

    with pytest.raises(TableError, match='question "a": expected the answer "film"'):
        for_training(read(write(tmp_path, changed(change))), drop_misaligned=True)


def test_oddities_are_told(tmp_path: Path) -> None:
    def change(value: Any) -> None:
        again = deepcopy(question(value)) | {"id": "c", "answers": [{"text": "great", "answer_start": 15}]}
        empty = {"id": "d", "question": "", "answers": [{"text": "film", "answer_start": 4}]}
        paragraph(value)["qas"] += [again, deepcopy(again) | {"id": "e"}, empty]

    assert read(write(tmp_path, changed(change))).warnings == (
        'q.json: 1 empty question: "d"',
        "q.json: 1 question asked again of the same passage, with other answers, "
        'the first: question "c" and question "a"',
    )


@pytest.mark.parametrize(
    "name,questions,impossible,misaligned",
    [
        ("squad/dev-v1.1.json", 1665, 0, 0),
        ("squad/dev-v2.0.json", 1617, 793, 0),
        ("xquad/xquad.zh.json", 896, 0, 0),
        ("zh/cmrc2018/dev.json", 1002, 0, 5),
        ("zh/cmrc2018/train.json", 2416, 0, 2),
    ],
)
def test_published_files(name: str, questions: int, impossible: int, misaligned: int) -> None:
    file = read(shared_path(f"data/{name}"))
    assert len(file) == questions
    assert sum(row.is_impossible for row in file.examples) == impossible
    assert len(file) - len(for_training(file, drop_misaligned=True)) == misaligned


def test_published_files_without_answers_are_refused() -> None:
    with pytest.raises(TableError, match=r"answers\[0\].text: expected a text, got \"an empty one\""):
        read(shared_path("data/tydiqa/dev-en.json"))


@given(place=st.integers(0, 400), cut=st.integers(0, 20), piece=st.binary(max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_bytes(place: int, cut: int, piece: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = json.dumps(VALID).encode()
    path = tmp_path_factory.mktemp("fuzz") / "q.json"
    path.write_bytes(data[:place] + piece + data[place + cut :])
    try:
        file = for_training(read(path), drop_misaligned=False)
    except InputError as problem:
        assert "\n" not in problem.message and len(problem.message) <= 300
        return
    for row in file.examples:
        assert row.id and row.context.strip() and (row.trained or row.is_impossible)


def test_inputs_from_a_program() -> None:
    known = Question("q", "c", "1")
    assert questions_of([("q", "c"), ["q", "c"], {"question": "q", "context": "c", "id": "1"}, known]) == [
        Question("q", "c"),
        Question("q", "c"),
        known,
        known,
    ]
    for row in ("q", ("q",), ("q", " "), ("q", 3), {"question": "q"}, ("q", "c", "d"), None):
        with pytest.raises(InputError, match="row 1: expected a question and its passage"):
            questions_of([("q", "c"), row])
    with pytest.raises(InputError, match="row 0: expected a text as id, got 5"):
        questions_of([{"question": "q", "context": "c", "id": 5}])
