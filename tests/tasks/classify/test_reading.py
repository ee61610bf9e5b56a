"""Labelled rows for classification: labels by name, checks of cells, guesses and warnings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import shared_path

from bertwright.errors import InputError, TableError, UsageError
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.classify.reading import (
    check_labels,
    labels_of,
    order_labels,
    rare_label_warning,
    read_examples,
)
from bertwright.tasks.examples import ExampleFile, overlap_warning

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        return path

    return put


def read(path: Path, columns: Columns | None = None, *, labelled: bool = True) -> ExampleFile[str]:
    return read_examples(choose_table(path, columns or Columns(), labelled=labelled))


def test_pairs_with_named_columns(write: Write) -> None:
    path = write("a.tsv", "id\tfirst\tsecond\tgold\n7\ta\tb\tyes\n8\tc\td\tno\n")
    file = read(path, Columns("first", "second", "gold"))
    assert [(e.text, e.text_pair, e.target, e.line) for e in file.examples] == [
        ("a", "b", "yes", 2),
        ("c", "d", "no", 3),
    ]
    assert labels_of(file) == ("no", "yes")


def test_labels_of_every_type_become_names(tmp_path: Path, write: Write) -> None:
    lines = write(
        "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": true}\n{"text": "c", "label": "x"}\n'
    )
    assert [e.target for e in read(lines).examples] == ["1", "true", "x"]
    table = pa.table({"text": ["a", "b"], "label": [0, 1]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert [e.target for e in read(tmp_path / "a.parquet").examples] == ["0", "1"]


def test_order_of_labels_by_hand() -> None:
    assert order_labels(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert order_labels(["b", "10", "a", "B"]) == ("10", "B", "a", "b")


@given(
    st.lists(st.sampled_from(["0", "1", "02", "2", "10", "a", "é", "B"]), min_size=1).flatmap(st.permutations)
)
def test_order_of_labels_does_not_depend_on_rows(labels: list[str]) -> None:
    assert order_labels(labels) == order_labels(sorted(labels))
    assert set(order_labels(labels)) == set(labels)


@pytest.mark.parametrize(
    "file,columns",
    [
        ("SST-2", Columns("sentence", None, "label")),
        ("MRPC", Columns("#1 String", "#2 String", "Quality")),
        ("RTE", Columns("sentence1", "sentence2", "label")),
        ("QQP", Columns("question1", "question2", "is_duplicate")),
        ("QNLI", Columns("question", "sentence", "label")),
        ("WNLI", Columns("sentence1", "sentence2", "label")),
    ],
)
def test_the_columns_of_glue_files_are_guessed_and_said(file: str, columns: Columns) -> None:
    chosen = choose_table(shared_path(f"data/glue/{file}/dev.tsv"), Columns())
    assert chosen.columns == columns
    assert chosen.guess is not None and repr(columns.label) in chosen.guess and "--text" in chosen.guess


@pytest.mark.parametrize(
    "file,columns,rows,labels",
    [
        ("glue/SST-2/dev.tsv", Columns(), 872, ("0", "1")),
        ("glue/MRPC/dev.tsv", Columns(), 408, ("0", "1")),
        ("glue/RTE/train.tsv", Columns(), 2490, ("entailment", "not_entailment")),
        ("glue/CoLA/dev.tsv", Columns("4", None, "2"), 522, ("0", "1")),
        ("agnews/dev.tsv", Columns("1", None, "2"), 1901, ("Business", "Sci/Tech", "Sports", "World")),
        (
            "agnews/dev.tsv",
            Columns("t", None, "l", ("t", "l")),
            1901,
            ("Business", "Sci/Tech", "Sports", "World"),
        ),
        ("zh/chnsenticorp/dev.tsv", Columns(), 1200, ("0", "1")),
        ("zh/lcqmc/dev.tsv", Columns("1", "2", "3"), 2201, ("0", "1")),
        ("sick/dev.tsv", Columns(), 495, ("CONTRADICTION", "ENTAILMENT", "NEUTRAL")),
        ("xnli/dev-zh.tsv", Columns(), 510, ("contradiction", "entailment", "neutral")),
        ("pawsx/dev-en.tsv", Columns(), 400, ("0", "1")),
    ],
)
def test_real_files(file: str, columns: Columns, rows: int, labels: tuple[str, ...]) -> None:
    examples = read(shared_path(f"data/{file}"), columns)
    assert len(examples) == rows
    assert labels_of(examples) == labels


@pytest.mark.parametrize(
    "header,message",
    [
        ("text\ttitle\tlabel", "--text or --text-pair COLUMN for the text .several could be it"),
        ("text\tlabel\tclass", "--label COLUMN for the label .several could be it"),
        ("Text\tTEXT\tlabel", "--text or --text-pair COLUMN for the text .several could be it"),
        ("text\tx\ty", "--label COLUMN for the label .none is named like one, if the first line is a header"),
        ("a\tb\tlabel", "--text or --text-pair COLUMN for the text .none is named like one"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(header: str, message: str, write: Write) -> None:
    with pytest.raises(TableError, match=message):
        read(write("a.tsv", f"{header}\n1\t2\t3\n"))


def test_the_only_other_column_is_the_text(write: Write) -> None:
    assert read(write("a.tsv", "utterance\tlabel\nhi\t1\n")).examples[0].text == "hi"


BAD = {
    "header only": ("a.tsv", "text\tlabel\n", "a.tsv: expected rows, got .0 examples"),
    "empty text": (
        "a.tsv",
        "text\tlabel\na\t1\n\t0\n",
        "a.tsv:3: column 'text': expected a text, got .an empty one",
    ),
    "blank text": ("a.csv", "text,label\n  ,1\n", "a.csv:2: column 'text': expected a text"),
    "null text": (
        "a.jsonl",
        '{"text": null, "label": 1}',
        "a.jsonl:1: column 'text': expected a text, got .null",
    ),
    "number as text": (
        "a.jsonl",
        '{"text": 4, "label": 1}',
        "a.jsonl:1: column 'text': expected a text, got 4",
    ),
    "empty label": (
        "a.tsv",
        "text\tlabel\na\t1\nb\t\n",
        "a.tsv:3: column 'label': expected a label, got .an empty",
    ),
    "null label": (
        "a.jsonl",
        '{"text": "a", "label": null}',
        "a.jsonl:1: column 'label': expected a label, got .null",
    ),
    "label with a space": (
        "a.tsv",
        "text\tlabel\na\tyes \n",
        'column \'label\': expected the label "yes", got "yes "',
    ),
    "1.0 as a class": (
        "a.csv",
        "text,label\na,1.0\n",
        'a.csv:2: column .label.: expected a class, got "1.0" .write 1',
    ),
    "1.0 in JSON": ("a.jsonl", '{"text": "a", "label": 1.0}', 'expected a class, got "1.0" .write 1'),
    "a fraction": (
        "a.tsv",
        "text\tlabel\na\t3.8\n",
        'expected a class, got "3.8" .a class is a name or a whole',
    ),
    "list of labels": (
        "a.jsonl",
        '{"text": "a", "label": ["x"]}',
        "a.jsonl:1: column 'label': expected a label",
    ),
    "one label": (
        "a.tsv",
        "text\tlabel\na\t1\nb\t1\n",
        "a.tsv: expected at least two different labels, got .only '1'",
    ),
    "unlabelled test file": ("a.tsv", "text\tlabel\na\t-1\nb\t-1\n", "this is an unlabelled test file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_named_by_file_row_and_column(name: str, write: Write) -> None:
    file, content, message = BAD[name]
    with pytest.raises(TableError, match=message) as problem:
        labels_of(read(write(file, content)))
    assert "\n" not in problem.value.message and len(problem.value.message) <= 300


def test_no_column_of_labels(write: Write) -> None:
    path = write("a.tsv", "text\tid\na\t1\n")
    with pytest.raises(InputError, match=r"a column .label. with the labels .*can only be predicted"):
        read(path, Columns("text", None, "label"))
    assert read(path, Columns("text", None, "label"), labelled=False).examples[0].target is None


@pytest.mark.parametrize(
    "columns,message",
    [
        (Columns("a", "a", "l"), 'got "a" twice'),
        (Columns("0", None, "1"), "column numbers from 1"),
        (Columns(None, "b", "l"), "--text with --text-pair"),
        (Columns("1"), "both as numbers"),
    ],
)
def test_bad_choices_of_columns(columns: Columns, message: str, write: Write) -> None:
    with pytest.raises(UsageError, match=message):
        read(write("a.tsv", "a\tb\tl\n1\t2\t3\n"), columns)


def test_columns_of_a_model_fill_in_for_what_is_not_given() -> None:
    stored = Columns("a", "b", "c", ("a", "b", "c"))
    assert Columns().or_else(stored) == stored
    assert Columns(label="x").or_else(stored) == Columns("a", "b", "x", None)
    assert Columns(names=("c", "b", "a")).or_else(stored) == Columns("a", "b", "c", ("c", "b", "a"))
    assert Columns.from_dict(json.loads(json.dumps(stored.to_dict()))) == stored


def test_column_numbers_are_for_files_without_names(write: Write) -> None:
    with pytest.raises(UsageError, match=r"columns by the names that the JSON lines file has, got .numbers"):
        read(write("a.jsonl", '{"text": "a", "label": 1}'), Columns("1", None, "2"))


def test_column_numbers_beyond_the_row(write: Write) -> None:
    with pytest.raises(TableError, match=r"a.tsv:1: expected at least 5 columns, got 2"):
        read(write("a.tsv", "a\tb\n"), Columns("1", None, "5"))


def test_label_never_seen_in_training(write: Write) -> None:
    dev = read(write("dev.tsv", "text\tlabel\na\tyes\nb\tmaybe\n"))
    with pytest.raises(TableError, match=r'dev.tsv:3: expected a label among "no", "yes", got "maybe"'):
        check_labels(dev, ("no", "yes"))


def test_warnings(write: Write) -> None:
    train = read(
        write(
            "train.jsonl",
            "\n\n".join(
                json.dumps({"text": text, "text_b": pair, "label": label})
                for text, pair, label in [
                    ("a", "b", 0),
                    ("c", "c", 1),
                    ("a", "b", 1),
                    ("a", "b", 1),
                    ("d", "e", 0),
                ]
            ),
        ),
        Columns("text", "text_b", "label"),
    )
    assert train.warnings == (
        "train.jsonl: skipped 4 blank lines, the first is line 2",
        "train.jsonl: 1 row with two equal texts, the first at line 3",
        "train.jsonl: 1 text with different labels, the first at lines 1 (0) and 5 (1)",
    )
    dev = read(write("dev.tsv", "text\tlabel\tb\na\t0\tb\nx\t1\ty\na\t1\tz\n"), Columns("text", "b", "label"))
    assert dev.warnings == ()
    assert overlap_warning(train, dev) == ("dev.tsv: 1 row (33.3%) also in train.jsonl, the first at line 2",)
    assert overlap_warning(dev, dev) == ("dev.tsv: 3 rows (100.0%) also in dev.tsv, the first at line 2",)


def test_a_header_taken_for_a_row_is_noticed(write: Write) -> None:
    file = read(write("a.tsv", "text\tlabel\na\t1\nb\t0\nc\t1\n"), Columns("1", None, "2"))
    assert "the label 'label' stands in the first row only" in rare_label_warning(file, True)[0]
    assert rare_label_warning(file, False) == ()
