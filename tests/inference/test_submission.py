"""Files for official evaluations, made of a file of predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.errors import InputError, TableError, UsageError
from bertwright.inference.submission import check_submission, names_of_rows, write_submission
from bertwright.tables.columns import Columns


def predictions(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps({"row": n, **row}) + "\n" for n, row in enumerate(rows)))
    return path


def test_labels_and_numbers(tmp_path: Path) -> None:
    source = predictions(tmp_path / "a.jsonl", [{"label": "entailment"}, {"label": "not_entailment"}])
    write_submission(source, "classify", tmp_path / "RTE.tsv")
    written = (tmp_path / "RTE.tsv").read_bytes()
    assert written == b"index\tprediction\n0\tentailment\n1\tnot_entailment\n"
    source = predictions(tmp_path / "b.jsonl", [{"value": 3.25}, {"value": -0.125}])
    write_submission(source, "regress", tmp_path / "STS-B.tsv")
    assert (tmp_path / "STS-B.tsv").read_text() == "index\tprediction\n0\t3.250000\n1\t-0.125000\n"


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_numbers_keep_their_worth(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    folder = tmp_path_factory.mktemp("numbers")
    source = predictions(folder / "a.jsonl", [{"value": value} for value in values])
    write_submission(source, "regress", folder / "STS-B.tsv")
    header, *lines = (folder / "STS-B.tsv").read_text().splitlines()
    cells = [line.split("\t") for line in lines]
    assert header == "index\tprediction" and [int(index) for index, _ in cells] == list(range(len(values)))
    assert [float(value) for _, value in cells] == pytest.approx(values, abs=1e-6)


def test_answers_by_id(tmp_path: Path) -> None:
    rows = [{"id": "q1", "answer": "the sea"}, {"id": "q2", "answer": ""}]
    write_submission(predictions(tmp_path / "a.jsonl", rows), "answer", tmp_path / "predictions.json")
    assert json.loads((tmp_path / "predictions.json").read_text()) == {"q1": "the sea", "q2": ""}
    for wrong, message in (
        ([{"answer": "x"}], "row 0: expected a question with an id"),
        ([rows[0], rows[0]], "row 1: expected each question once, got 'q1' again"),
    ):
        source = predictions(tmp_path / "wrong.jsonl", wrong)
        with pytest.raises(InputError, match=message):
            write_submission(source, "answer", tmp_path / "wrong.json")
        assert not (tmp_path / "wrong.json").exists()


def test_tags_by_word(tmp_path: Path) -> None:
    row = {
        "words": ["in", "New York"],
        "tags": ["O", "B-LOC"],
        "probabilities": [1.0, 0.9],
        "truncated": False,
    }
    write_submission(predictions(tmp_path / "a.jsonl", [row, row]), "tag", tmp_path / "tags.txt")
    assert (tmp_path / "tags.txt").read_text() == "in O\nNew_York B-LOC\n\n" * 2


def test_what_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    file, target = tmp_path / "test.tsv", tmp_path / "RTE.tsv"
    check_submission({"kind": "classify"}, target, (file,), overwrite=False)
    several = {"kind": "classify", "problem_type": "multi_label_classification"}
    for task, got in (({"kind": "rank"}, "rank"), (several, "several labels a text")):
        with pytest.raises(UsageError, match=f"--submission: expected a task with a file.*got {got}"):
            check_submission(task, target, (file,), overwrite=False)
    with pytest.raises(UsageError, match="other than the input and the output"):
        check_submission({"kind": "classify"}, target, (file, target), overwrite=True)
    target.write_text("index\tprediction\n")
    with pytest.raises(InputError, match="RTE"):
        check_submission({"kind": "classify"}, target, (file,), overwrite=False)
    check_submission({"kind": "classify"}, target, (file,), overwrite=True)


def test_choices(tmp_path: Path) -> None:
    source = predictions(tmp_path / "a.jsonl", [{"label": "B"}, {"label": "A"}])
    write_submission(source, "choose", tmp_path / "arc.csv", identities=["MCAS_1", "MCAS_2"])
    assert (tmp_path / "arc.csv").read_text() == "MCAS_1,B\nMCAS_2,A\n"
    write_submission(source, "choose", tmp_path / "swag.csv", header=",pred")
    assert (tmp_path / "swag.csv").read_text() == ",pred\n0,B\n1,A\n"


def test_the_rows_names(tmp_path: Path) -> None:
    file, text = tmp_path / "test.tsv", Columns("sentence")
    file.write_text("Index\tsentence\n7\tthe sea\n3\tgood\n")
    assert names_of_rows(file, text) == ["7", "3"]
    source = predictions(tmp_path / "a.jsonl", [{"label": "x"}, {"label": "y"}])
    write_submission(source, "classify", tmp_path / "RTE.tsv", identities=["7", "3"])
    assert (tmp_path / "RTE.tsv").read_text() == "index\tprediction\n7\tx\n3\ty\n"
    file.write_text("sentence\tplace\nthe sea\t7\n")
    assert names_of_rows(file, text) is None
    file.write_text("id\tsentence\n7\tthe sea\n")
    assert names_of_rows(file, Columns("id")) is None  # it is the text
    assert names_of_rows(file, Columns("2")) is None and names_of_rows(file, Columns()) is None
    assert names_of_rows(file, Columns("b", names=("id", "b"))) == ["id", "7"]
    table = tmp_path / "swag.csv"
    table.write_text(",sent2,question_id\n0,He,q-1\n1,She,q-2\n")
    assert names_of_rows(table, Columns("sent2")) == ["q-1", "q-2"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("7", "7"), r'test.tsv:3: column .id.: expected each row once, 7 was line 2, got "7"'),
        (("7", ""), "test.tsv:3: column .id.: expected a number or a name of the row"),
        (("=1+1", "7"), "test.tsv:2: column .id.: expected a number or a name"),
        (("a,b", "7"), "test.tsv:2: column .id.: expected a number or a name"),
    ],
)
def test_names_that_are_none(cells: tuple[str, str], message: str, tmp_path: Path) -> None:
    file = tmp_path / "test.tsv"
    file.write_text("id\tsentence\n" + "".join(f"{cell}\tgood\n" for cell in cells))
    with pytest.raises(TableError, match=message):
        names_of_rows(file, Columns("sentence"))
