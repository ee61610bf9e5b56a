"""Questions in a table of one's own: columns for question, passage, answer and, where there are, more.

The answer's cell is a text, a list of texts, or what the ``datasets`` library makes of SQuAD
(``{"text": [..], "answer_start": [..]}``); empty or null, it says that the passage has no answer. Columns
named ``id`` and ``answer_start`` are read when they are there; an answer without offset is searched for, and
found when it stands in the passage once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bertwright.errors import InputError, UsageError
from bertwright.tables.columns import ChosenTable, Columns, choose_table, column_named
from bertwright.tables.formats import open_table
from bertwright.tables.table import Row
from bertwright.tasks.answer.questions import Question, Reference
from bertwright.tasks.examples import InputRow, input_row, text_cell

QUESTIONS = ("question", "query")
PASSAGES = ("context", "passage", "paragraph", "document", "text")
ANSWERS = ("answers", "answer", "answer_text")
ID, START = "id", "answer_start"


def choose_columns(path: Path, columns: Columns, *, format: str, labelled: bool) -> ChosenTable:
    """Open ``path``; ``text`` is the question, ``text_pair`` the passage, ``label`` the answer.

    Raises:
        TableError: the file cannot be read, or it cannot be told which columns are meant.
        UsageError: columns are given by number, and one is missing.
    """
    if columns.names is None and columns.are_numbers:
        if columns.text_pair is None:
            flags = "--text, --text-pair and --label" if labelled else "--text and --text-pair"
            raise UsageError(f"expected {flags} as numbers for a file without header")
        return choose_table(path, columns, format=format, labelled=labelled)
    table = open_table(path, format=format, names=columns.names)
    question = columns.text or column_named(table, "--text", "questions", QUESTIONS)
    passage = columns.text_pair or column_named(table, "--text-pair", "passages", PASSAGES)
    answer = columns.label
    if labelled and answer is None:
        answer = column_named(table, "--label", "answers", ANSWERS)
    settled = Columns(question, passage, answer, columns.names)
    chosen = choose_table(path, settled, format=format, labelled=labelled)
    said = [
        f"{what} {name!r}"
        for what, name, given in (
            ("question", question, columns.text),
            ("passage", passage, columns.text_pair),
            ("answer", answer, columns.label),
        )
        if given is None and name is not None
    ]
    flags = "(say --text, --text-pair, --label to choose)"
    guess = f"{path.name}: guessed {', '.join(said)} {flags}" if said else None
    return ChosenTable(chosen.table, chosen.columns, guess)


class TableReader:
    """The questions of a chosen table."""

    def __init__(self, chosen: ChosenTable) -> None:
        self._table, self._columns = chosen.table, chosen.columns
        optional = (ID, START) if self._columns.label is not None else (ID,)
        self._optional = [
            name for name in optional if name in self._table.columns and name not in self._columns.given
        ]
        self._seen: set[str] = set()

    def rows(self, *, lenient: bool) -> Iterator[InputRow]:
        """Every row as a question, or with the reason why it is none; blank lines only when ``lenient``."""
        self._seen.clear()
        wanted = [*self._columns.given, *self._optional]
        for row in self._table.rows(wanted, lenient=lenient):
            yield input_row(row, self._question)

    def _question(self, row: Row) -> Question:
        columns, table = self._columns, self._table
        cells = dict(zip([*columns.given, *self._optional], row.cells, strict=True))
        question = text_cell(table, row.line, columns.text or "", cells.get(columns.text or ""))
        context = text_cell(table, row.line, columns.text_pair or "", cells.get(columns.text_pair or ""))
        identity = self._identity(row.line, cells[ID]) if ID in self._optional else None
        answers = None
        if columns.label is not None:
            found = self._answers(row.line, cells[columns.label], cells.get(START))
            answers = tuple(_searched(answer, context) for answer in found)
        return Question(question, context, identity, answers, row.line)

    def _identity(self, line: int, cell: object) -> str:
        identity = str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell
        if not isinstance(identity, str) or not identity:
            raise self._table.error("an id", "null" if cell is None else cell, line=line, column=ID)
        if identity in self._seen:
            raise self._table.error("each id once", identity, line=line, column=ID)
        self._seen.add(identity)
        return identity

    def _answers(self, line: int, cell: object, start: object) -> list[Reference]:
        if cell is None or cell == "":
            return []
        if isinstance(cell, str):
            return [self._reference(line, cell, start)]
        if isinstance(cell, dict):
            texts, starts = cell.get("text"), cell.get("answer_start")
        else:
            texts, starts = cell, start
        if not isinstance(texts, list):
            raise self._error(line, "a text, or a list of texts", cell)
        if not isinstance(starts, list):
            starts = [None] * len(texts) if starts in (None, "") or not texts else [starts]
        if len(starts) != len(texts):
            raise self._error(line, f"{len(texts)} offsets, as many as texts", len(starts))
        return [self._reference(line, text, place) for text, place in zip(texts, starts, strict=True)]

    def _reference(self, line: int, text: object, start: object) -> Reference:
        if not isinstance(text, str) or not text.strip():
            raise self._error(line, "a text", text if text else "an empty one")
        if isinstance(start, str):
            digits = start.removeprefix("-")
            start = (
                int(start) if digits.isascii() and digits.isdigit() and len(digits) < 12 else start or None
            )
        if start is not None and (not isinstance(start, int) or isinstance(start, bool)):
            raise self._table.error("a whole number", start, line=line, column=START)
        return Reference(text, start)

    def _error(self, line: int, expected: str, got: object) -> InputError:
        return self._table.error(expected, got, line=line, column=self._columns.label)


def _searched(answer: Reference, context: str) -> Reference:
    """``answer``, with its offset where that was not given and can only be one."""
    if answer.start is not None:
        return answer
    place = context.find(answer.text)
    unique = place >= 0 and context.find(answer.text, place + 1) < 0
    return Reference(answer.text, place) if unique else answer
