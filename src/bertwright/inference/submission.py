"""The files that the official evaluations take, made of a file of predictions.

GLUE (``classify`` and ``regress``) takes a table ``index``, ``prediction``, whose index counts rows from 0;
SQuAD (``answer``) a JSON object of question id and text; CoNLL (``tag``) a line for each word.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bertwright import durable, strict_json
from bertwright.errors import InputError, UsageError
from bertwright.tasks.tag.decoding import Tagging
from bertwright.tasks.tag.submission import conll_lines

Rows = Iterable[dict[str, Any]]


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
    if submission.resolve() in [path.resolve() for path in others]:
        raise UsageError.at(submission, "a submission other than the input and the output")
    durable.require_absent(submission, overwrite)


def write_submission(predictions: Path, kind: str, submission: Path, *, overwrite: bool = False) -> None:
    """Write what the official evaluation of this ``kind`` takes.

    Args:
        predictions: JSON lines as :func:`bertwright.inference.prediction_file.predict_file` writes them.

    Raises:
        InputError: ``submission`` exists, or a question has no id of its own.
        DiskError: it could not be written.
    """
    with durable.open_new(submission, overwrite=overwrite) as file:
        for text in _WRITERS[kind](_rows(predictions)):
            file.write(text.encode())


def _rows(predictions: Path) -> Iterator[dict[str, Any]]:
    with predictions.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _labels(rows: Rows) -> Iterator[str]:
    yield "index\tprediction\n"
    for row in rows:
        yield f"{row['row']}\t{row['label']}\n"


def _numbers(rows: Rows) -> Iterator[str]:
    yield "index\tprediction\n"
    for row in rows:
        yield f"{row['row']}\t{row['value']:.6f}\n"


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
        words, tags = tuple(row["words"]), tuple(row["tags"])
        yield conll_lines([Tagging(words, tags, tuple(row["probabilities"]), None, None, row["truncated"])])


_WRITERS: dict[str, Callable[[Rows], Iterator[str]]] = {
    "classify": _labels,
    "regress": _numbers,
    "answer": _answers,
    "tag": _tags,
}
