"""The files that the official evaluations take, made of a file of predictions.

GLUE (``classify`` and ``regress``) takes a table ``index``, ``prediction``; multiple choice (``choose``)
lines of id and choice, with a comma between them; SQuAD (``answer``) a JSON object of question id and text;
CoNLL (``tag``) a line for each word. Index and id are those that the file has, or else count its rows from 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bertwright import durable, strict_json
from bertwright.errors import InputError, TableError, UsageError
from bertwright.tables.columns import Columns
from bertwright.tables.formats import open_table
from bertwright.tasks.examples import InputStream
from bertwright.tasks.tag.submission import conll_lines
from bertwright.tasks.task import Task

Rows = Iterable[dict[str, Any]]
BY_ROW = ("classify", "regress", "choose")
"""Kinds whose submissions name rows."""
IDENTITIES = ("index", "id", "idx", "question_id", "questionid", "")
"""Columns that name the rows of a table, the first that there is; the last is an index of pandas."""
_PLAIN = re.compile(r"""-?\d+|[^\s,"'=+@-][^\t\r\n,"]*""")
"""What needs no quotes in a table, and is no formula."""


def check_submission(task: dict[str, Any], submission: Path, others: Iterable[Path], overwrite: bool) -> None:
    """Refuse, before any work, what could not be written.

    Args:
        task: as stored with the model.
        others: the files that are read or written beside it.

    Raises:
        UsageError: the kind of task has no such file, or the name is one of ``others``.
        InputError: the file exists, and ``overwrite`` is not set.
    """
    if task["kind"] not in _WRITERS or task.get("problem_type") == "multi_label_classification":
        expected = f"a task with a file for an official evaluation ({', '.join(_WRITERS)})"
        got = "several labels a text" if task["kind"] in _WRITERS else task["kind"]
        raise UsageError(f"--submission: expected {expected}, got {got}")
    if any(durable.same_place(submission, path) for path in others):
        raise UsageError.at(submission, "a submission other than the input and the output")
    durable.check_new_file(submission, overwrite)


def row_identities(
    task: Task[Any], file: Path, columns: Columns | None = None, *, format: str = "auto"
) -> list[str] | None:
    """How ``file`` names its rows; None where it has no column for that, or they name themselves.

    Args:
        columns: where they are not those that the task was trained with.

    Raises:
        TableError: a name is missing, stands twice, or would not come out of a table as it went in; or the
            questions of a table have no ids.
    """
    if task.kind in BY_ROW:
        return names_of_rows(file, task.stream(file, columns, format=format).columns, format=format)
    if task.kind == "answer":
        _require_ids(file, task.stream(file, columns, format=format))
    return None


def _require_ids(file: Path, questions: InputStream) -> None:
    """The first question tells for all: a table has a column of ids or none; a damaged row is told later."""
    first = next((row for row in questions.rows() if row.problem is None), None)
    if first is not None and first.input.id is None:
        hint = "--submission names questions by a column id"
        raise TableError.at(file, "a question with an id", "one without", line=first.line, hint=hint)


def names_of_rows(file: Path, columns: Columns, *, format: str = "auto") -> list[str] | None:
    """As :func:`row_identities`; ``columns`` are those of the texts, settled."""
    if columns.text is None or columns.are_numbers:
        return None
    table = open_table(file, format=format, names=columns.names)
    by_lower = {name.strip().lower(): name for name in table.columns if name not in columns.given}
    name = next((by_lower[known] for known in IDENTITIES if known in by_lower), None)
    if name is None:
        return None
    found: dict[str, int] = {}
    for row in table.rows([name]):
        cell = row.cells[0]
        text = str(cell) if isinstance(cell, (str, int)) and not isinstance(cell, bool) else ""
        if not _PLAIN.fullmatch(text):
            raise table.error("a number or a name of the row", cell, line=row.line, column=name)
        if text in found:
            expected = f"each row once, {text} was line {found[text]}"
            raise table.error(expected, text, line=row.line, column=name)
        found[text] = row.line
    return list(found)


def write_submission(
    predictions: Path,
    kind: str,
    submission: Path,
    *,
    identities: Sequence[str] | None = None,
    header: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write what the official evaluation of this ``kind`` takes.

    Args:
        predictions: JSON lines as :func:`bertwright.inference.prediction_file.predict_file` writes them.
        identities: of the rows, as :func:`row_identities` found them; None to count from 0.
        header: the first line of a ``choose`` submission; None for none.

    Raises:
        InputError: ``submission`` exists, or a question has no id of its own.
        DiskError: it could not be written.
    """
    with durable.open_new(submission, overwrite=overwrite) as file:
        if header is not None:
            file.write(f"{header}\n".encode())
        for text in _WRITERS[kind](_rows(predictions, identities)):
            file.write(text.encode())


def _rows(predictions: Path, identities: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    with predictions.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield {"name": row["row"] if identities is None else identities[row["row"]], **row}


def _labels(rows: Rows) -> Iterator[str]:
    yield "index\tprediction\n"
    for row in rows:
        yield f"{row['name']}\t{row['label']}\n"


def _numbers(rows: Rows) -> Iterator[str]:
    yield "index\tprediction\n"
    for row in rows:
        yield f"{row['name']}\t{row['value']:.6f}\n"


def _choices(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield f"{row['name']},{row['label']}\n"


def _answers(rows: Rows) -> Iterator[str]:
    found: dict[str, str] = {}
    for row in rows:
        identity = row.get("id")
        if identity is None:
            raise InputError(f"row {row['row']}: expected a question with an id, got one without")
        if identity in found:
            raise InputError(f"row {row['row']}: expected each question once, got {identity!r} again")
        found[identity] = row["answer"]
    yield strict_json.dump(found) + "\n"


def _tags(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield conll_lines(row["words"], row["tags"])


_WRITERS: dict[str, Callable[[Rows], Iterator[str]]] = {
    "classify": _labels,
    "regress": _numbers,
    "choose": _choices,
    "answer": _answers,
    "tag": _tags,
}
