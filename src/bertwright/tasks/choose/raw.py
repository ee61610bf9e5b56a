"""Questions as they stand in a file, before their answers are understood: tables, and the JSON of C3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bertwright import strict_json
from bertwright.errors import InputError, TableError, UsageError, quote
from bertwright.tables.columns import Columns
from bertwright.tables.formats import suffix_of
from bertwright.tables.lines import JSON_LINES_HINT, read_json
from bertwright.tables.table import Row
from bertwright.tasks.choose.layout import Layout, lay_out
from bertwright.tasks.choose.question import Question, problem_of
from bertwright.tasks.examples import text_cell

C3 = "c3"
"""The name of the format, besides those of tables; files ending in ``.json`` have it."""


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """A question that is one, with its answer as the file has it."""

    question: Question
    answer: object
    place: str
    """Names the answer, for a message."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """A question, or why it is none."""

    line: int
    raw: RawQuestion | None
    problem: InputError | None = None


class Source(Protocol):
    """A file of questions that is open for reading."""

    @property
    def path(self) -> Path: ...
    @property
    def columns(self) -> Columns: ...
    @property
    def choices(self) -> tuple[str, ...]: ...
    @property
    def guess(self) -> str | None: ...
    @property
    def blank_lines(self) -> Sequence[int]:
        """Known after a pass."""

    def rows(self) -> Iterator[RawRow]:
        """A new pass: every question, or why it is none."""


def open_source(
    path: Path, columns: Columns, choices: tuple[str, ...], given: bool, *, format: str, labelled: bool
) -> Source:
    """The questions of ``path``.

    Args:
        columns, choices: of a table.
        given: whether some of them were asked for now; C3's JSON has none.

    Raises:
        TableError: the file is missing or damaged as a whole.
        UsageError: columns are asked for where there are none.
    """
    if format == C3 or (format == "auto" and suffix_of(path) == ".json"):
        if given:
            raise UsageError.at(path, "no columns", ", ".join(columns.given), hint="C3's JSON has none")
        return C3Source.open(path, labelled)
    return TableSource(lay_out(path, columns, choices, format=format, labelled=labelled))


class TableSource:
    """The questions of a table."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._table = layout, layout.table
        self.path, self.columns = layout.table.path, layout.columns
        self.choices, self.guess = layout.choices, layout.guess
        self.blank_lines: Sequence[int] = layout.table.blank_lines

    def rows(self) -> Iterator[RawRow]:
        lenient = self.columns.label is None
        wanted = [*self.columns.given, *self.choices]
        for row in self._table.rows(wanted, lenient=lenient):
            try:
                if row.problem is not None:
                    raise row.problem
                yield RawRow(row.line, self._raw(row, wanted))
            except InputError as problem:
                yield RawRow(row.line, None, problem)

    def _raw(self, row: Row, wanted: list[str]) -> RawQuestion:
        cells = dict(zip(wanted, row.cells, strict=True))
        columns, table = self.columns, self._table
        question = text_cell(table, row.line, columns.text or "", cells[columns.text or ""])
        context = cells.get(columns.text_pair or "")
        if context is not None and context != "":
            context = text_cell(table, row.line, columns.text_pair or "", context)
        choices: Any = cells[self.choices[0]]
        if len(self.choices) > 1:
            choices = [cells[name] for name in self.choices]
            while choices and (choices[-1] is None or choices[-1] == ""):
                choices.pop()  # questions may have fewer choices than there are columns
        if problem := problem_of(choices):
            raise table.error(problem[0], problem[1], line=row.line, column=", ".join(self.choices))
        asked = Question(question, tuple(choices), str(context) if context else None, None, row.line)
        answer = None if columns.label is None else cells[columns.label]
        return RawQuestion(asked, answer, f"column {columns.label!r}")


@dataclass
class C3Source:
    """The questions of C3: ``[[[lines], [{"question", "choice", "answer"}], id], ..]``."""

    path: Path
    entries: list[Any]
    labelled: bool
    columns: Columns = field(default_factory=Columns)
    choices: tuple[str, ...] = ()
    guess: str | None = None
    blank_lines: Sequence[int] = ()

    @classmethod
    def open(cls, path: Path, labelled: bool) -> C3Source:
        """Parse ``path``, which may be compressed.

        Raises:
            TableError: it is missing, damaged, or no JSON list.
        """
        value = read_json(path)
        if not isinstance(value, list):
            expected = "a list of passages with questions, as C3 has"
            raise TableError.at(path, expected, value, hint=JSON_LINES_HINT)
        return cls(path, value, labelled)

    def rows(self) -> Iterator[RawRow]:
        line = 0
        for number, entry in enumerate(self.entries):
            if not isinstance(entry, list) or len(entry) < 2 or not isinstance(entry[1], list):
                expected = "a passage, its questions and an id"
                raise TableError.at(self.path, expected, entry, field=f"[{number}]")
            name = f" ({entry[2]})" if len(entry) > 2 and isinstance(entry[2], str) else ""
            for place, value in enumerate(entry[1]):
                line += 1
                try:
                    yield RawRow(line, self._raw(entry[0], value, f"[{number}][1][{place}]{name}", line))
                except InputError as problem:
                    yield RawRow(line, None, problem)

    def _raw(self, passage: object, value: object, place: str, line: int) -> RawQuestion:
        error = partial(TableError.at, self.path)
        if not isinstance(passage, list) or not all(isinstance(text, str) for text in passage):
            raise error("a passage that is a list of texts", passage, field=place)
        if not isinstance(value, dict):
            raise error("a question that is an object", value, field=place)
        question, choices = value.get("question"), value.get("choice")
        answer = value.get("answer") if self.labelled else None
        read = {"passage": passage, "question": question, "choice": choices, "answer": answer}
        for key, part in read.items():
            if found := strict_json.lone_surrogate(part):
                raise error("Unicode text", found, field=f"{place}: {key}")
        if not isinstance(question, str) or not question.strip():
            raise error("a text", question or "an empty one", field=f"{place}: question")
        if problem := problem_of(choices):
            raise error(problem[0], problem[1], field=f"{place}: choice")
        context = "\n".join(passage)
        asked = Question(question, tuple(choices or ()), context if context.strip() else None, None, line)
        if self.labelled and answer is None:
            hint = "questions without answers can only be predicted"
            raise error("an answer", "none", field=f"{place}: answer", hint=hint)
        return RawQuestion(asked, answer, f"{place}: {quote(question)}: answer")
