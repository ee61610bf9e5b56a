"""Questions in tables: which columns they are in, and what an answer's cell may be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bertwright.errors import TableError, UsageError
from bertwright.tables.columns import Columns
from bertwright.tasks.answer.questions import Question, Reference
from bertwright.tasks.answer.reading import QuestionSource, open_questions, read_questions

CONTEXT = "the film was great and the plot was dull"


def source(path: Path, *, columns: Columns | None = None, labelled: bool = True) -> QuestionSource:
    return open_questions(path, columns or Columns(), columns, format="auto", labelled=labelled)


def write(folder: Path, text: str, name: str = "q.tsv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_tsv(tmp_path: Path) -> None:
    rows = ["id\tquestion\tcontext\tanswer\tanswer_start", f"x\tWhat?\t{CONTEXT}\tfilm\t4", ""]
    rows += [f"y\tWho?\t{CONTEXT}\t\t", f"7\tHow?\t{CONTEXT}\tgreat\t", f"8\tWas?\t{CONTEXT}\twas\t32", ""]
    opened = source(write(tmp_path, "\n".join(rows)))
    assert opened.guess == (
        "q.tsv: guessed question 'question', passage 'context', answer 'answer' "
        "(say --text, --text-pair, --label to choose)"
    )
    assert opened.columns == Columns("question", "context", "answer")
    file = read_questions(opened)
    assert file.examples == [
        Question("What?", CONTEXT, "x", (Reference("film", 4),), 2),
        Question("Who?", CONTEXT, "y", (), 4),
        Question("How?", CONTEXT, "7", (Reference("great", 13),), 5),
        Question("Was?", CONTEXT, "8", (Reference("was", 32),), 6),
    ]
    assert file.warnings == ("q.tsv: skipped 1 blank line, the first is line 3",)


def test_an_answer_that_stands_there_twice_needs_its_offset(tmp_path: Path) -> None:
    from bertwright.tasks.answer.reading import for_training

    path = write(tmp_path, f"question\tcontext\tanswer\nWas?\t{CONTEXT}\twas\nNo?\t{CONTEXT}\tnever\n")
    file = read_questions(source(path))
    assert file.examples[0].answers == (Reference("was", None),)
    with pytest.raises(
        TableError, match=r'q.tsv:2: row 2: expected the answer "was", got "it 2 times.*give answer_start'
    ):
        for_training(file, drop_misaligned=False)
    with pytest.raises(TableError, match='got "it 2 times'):
        for_training(file, drop_misaligned=True)


def test_json_lines_and_parquet_as_other_libraries_write_them(tmp_path: Path) -> None:
    answers = [
        {"text": ["film", "the film"], "answer_start": [4, 0]},
        {"text": [], "answer_start": []},
    ]
    rows = [
        {"id": str(number), "title": "t", "context": CONTEXT, "question": "What?", "answers": answer}
        for number, answer in enumerate(answers)
    ]
    lines = write(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "q.jsonl")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "q.parquet")
    for path in (lines, tmp_path / "q.parquet"):
        first, second = read_questions(source(path)).examples
        assert first.answers == (Reference("film", 4), Reference("the film", 0))
        assert (first.id, second.id, second.answers) == ("0", "1", ())


@pytest.mark.parametrize(
    "cells,expected",
    [
        ({"answers": None}, ()),
        ({"answers": ["film", "dull"]}, (Reference("film", 4), Reference("dull", 36))),
        ({"answers": "film", "answer_start": 4}, (Reference("film", 4),)),
        ({"answers": ["film"], "answer_start": [4]}, (Reference("film", 4),)),
        ({"answers": {"text": ["film"]}}, (Reference("film", 4),)),
    ],
)
def test_cells(cells: dict[str, Any], expected: tuple[Reference, ...], tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"question": "q", "passage": CONTEXT} | cells), "q.jsonl")
    assert read_questions(source(path)).examples[0].answers == expected


@pytest.mark.parametrize(
    "cells,message",
    [
        ({"answers": 3}, "column 'answers': expected a text, or a list of texts, got 3"),
        ({"answers": [""]}, "column 'answers': expected a text, got \"an empty one\""),
        ({"answers": " "}, "column 'answers': expected a text"),
        (
            {"answers": {"text": ["film"], "answer_start": [1, 2]}},
            "expected 1 offsets, as many as texts, got 2",
        ),
        (
            {"answers": "film", "answer_start": "four"},
            "column 'answer_start': expected a whole number, got \"four\"",
        ),
        (
            {"answers": "film", "answer_start": True},
            "column 'answer_start': expected a whole number, got True",
        ),
        ({"answers": "film", "id": None}, "column 'id': expected an id, got \"null\""),
        ({"answers": "film", "question": ""}, "column 'question': expected a text"),
        ({"answers": "film", "passage": None}, "column 'passage': expected a text, got \"null\""),
        ({"answer": "film", "answers": "film"}, "--label COLUMN for the answers.*several could be it"),
        ({"answers": "film", "context": "x"}, "--text-pair COLUMN for the passages.*several could be it"),
        ({}, "--label COLUMN for the answers.*none is named answers or answer"),
    ],
)
def test_what_is_refused(cells: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"question": "q", "passage": CONTEXT} | cells), "q.jsonl")
    with pytest.raises(TableError, match=message):
        read_questions(source(path))


def test_ids_stand_once(tmp_path: Path) -> None:
    path = write(tmp_path, f"id\tquestion\tcontext\tanswer\n1\tq\t{CONTEXT}\tfilm\n1\tr\t{CONTEXT}\tfilm\n")
    with pytest.raises(TableError, match=r"q\.tsv:3: column 'id': expected each id once, got \"1\""):
        read_questions(source(path))


def test_a_file_to_be_answered(tmp_path: Path) -> None:
    path = write(tmp_path, f"query\ttext\n\nq\t{CONTEXT}\n \t{CONTEXT}\n", "q.tsv")
    opened = source(path, labelled=False)
    assert opened.columns == Columns("query", "text")
    blank, first, second = opened.rows()
    assert first.input == Question("q", CONTEXT, None, None, 3)
    assert blank.problem is not None and "a blank line" in str(blank.problem)
    assert second.input is None and "column 'query': expected a text" in str(second.problem)
    assert [row.line for row in opened.rows()] == [2, 3, 4], "a new pass"


def test_columns_by_number(tmp_path: Path) -> None:
    path = write(tmp_path, f"1\tq\t{CONTEXT}\tfilm\n")
    opened = source(path, columns=Columns("2", "3", "4"))
    assert read_questions(opened).examples == [Question("q", CONTEXT, None, (Reference("film", 4),), 1)]
    assert opened.guess is None


def test_one_offset_beside_a_list_of_one_answer(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "Was?", "context": CONTEXT, "answers": ["was"], "answer_start": 9},
        {"question": "Was?", "context": CONTEXT, "answers": [], "answer_start": None},
        {"question": "Film?", "context": CONTEXT, "answers": ["film"], "answer_start": None},
    ]
    path = write(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "q.jsonl")
    file = read_questions(source(path))
    assert [example.answers for example in file.examples] == [
        (Reference("was", 9),),
        (),
        (Reference("film", 4),),
    ]
    rows[0]["answers"] = ["was", "film"]
    path = write(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "q.jsonl")
    with pytest.raises(
        TableError, match=r"q\.jsonl:1: column 'answers': expected 2 offsets, as many as texts, got 1"
    ):
        read_questions(source(path))


def test_numbers_need_the_passage_too(tmp_path: Path) -> None:
    path = write(tmp_path, f"What?\t{CONTEXT}\tfilm\n")
    with pytest.raises(
        UsageError, match="expected --text, --text-pair and --label as numbers for a file without"
    ):
        source(path, columns=Columns("1", None, "3"))
    with pytest.raises(UsageError, match="expected --text and --text-pair as numbers"):
        source(path, columns=Columns("1"), labelled=False)
    assert read_questions(source(path, columns=Columns("1", "2", "3"))).examples[0].target == ("film",)
