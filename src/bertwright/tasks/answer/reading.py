"""Files of questions: SQuAD's JSON, or a table; whole and labelled, or streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bertwright.errors import InputError, TableError, UsageError, counted, listed, quote
from bertwright.tables.columns import Columns
from bertwright.tables.formats import suffix_of
from bertwright.tasks.answer.alignment import misalignment
from bertwright.tasks.answer.questions import Question
from bertwright.tasks.answer.squad_json import SquadFile
from bertwright.tasks.answer.tables import TableReader, choose_columns
from bertwright.tasks.examples import ExampleFile, InputRow, blank_warning, conflicting

SQUAD = "squad"
"""The name of the format, besides those of tables; files ending in ``.json`` have it."""
_SHOWN = 3


@dataclass(frozen=True)
class QuestionSource:
    """A file that is open for reading."""

    path: Path
    columns: Columns
    guess: str | None
    rows: Callable[[], Iterator[InputRow]]
    """A new pass: every question, or why it is none."""
    blank_lines: Sequence[int] = ()


def open_questions(
    path: Path, columns: Columns, given: Columns | None, *, format: str, labelled: bool
) -> QuestionSource:
    """The questions of ``path``, with their answers if ``labelled``.

    Args:
        columns: of a table.
        given: those among them that were asked for now; SQuAD's JSON has none.

    Raises:
        TableError: the file is missing or damaged as a whole.
        UsageError: columns are asked for where there are none.
    """
    if format == SQUAD or (format == "auto" and suffix_of(path) == ".json"):
        if given is not None and (given.given or given.names):
            raise UsageError.at(path, "no columns", ", ".join(given.given), hint="SQuAD's JSON has none")
        return QuestionSource(path, Columns(), None, partial(_json_rows, SquadFile.open(path), labelled))
    chosen = choose_columns(path, columns, format=format, labelled=labelled)
    rows = partial(TableReader(chosen).rows, lenient=not labelled)
    return QuestionSource(path, chosen.columns, chosen.guess, rows, chosen.table.blank_lines)


def read_questions(source: QuestionSource) -> ExampleFile[Question]:
    """Every question.

    Raises:
        TableError: there are none, or one of them is wrong.
    """
    questions: list[Question] = []
    for row in source.rows():
        if row.problem is not None:
            raise row.problem
        questions.append(row.input)
    if not questions:
        raise TableError.at(source.path, "at least one question", "none")
    return ExampleFile(source.path, questions, tuple(_oddities(source, questions)))


def for_training(file: ExampleFile[Question], drop_misaligned: bool) -> ExampleFile[Question]:
    """The questions with an answer to learn, or with none by intention.

    Raises:
        TableError: an answer is not at its offset and ``drop_misaligned`` is not set; or none is left.
    """
    name = file.path.name
    misaligned = [question for question in file.examples if misalignment(question)]
    if misaligned and not drop_misaligned:
        raise misaligned_error(file.path, misaligned[0])
    kept = [question for question in file.examples if question.trained or question.is_impossible]
    if not kept:
        raise misaligned_error(file.path, misaligned[0])
    warnings = list(file.warnings)
    if misaligned:
        what = f"left out {counted(len(misaligned), 'question')} whose answer is not at its offset"
        warnings.append(f"{name}: {what}: {_listed(misaligned)}")
    partly = [q for q in kept if not all(answer.stands_in(q.context) for answer in q.answers or ())]
    if partly:
        what = (
            f"{counted(len(partly), 'question')} with an answer that is not at its offset beside one that is"
        )
        warnings.append(f"{name}: {what} (the first such is learned): {_listed(partly)}")
    return ExampleFile(file.path, kept, tuple(warnings))


def without(file: ExampleFile[Question], nowhere: Set[int]) -> ExampleFile[Question]:
    """The questions but those of these indices, whose answers have no piece that a model could point at.

    Raises:
        TableError: none is left.
    """
    kept = [question for index, question in enumerate(file.examples) if index not in nowhere]
    lost = [file.examples[index] for index in sorted(nowhere)]
    if not kept:
        where, line = _place(lost[0]), lost[0].line if lost[0].id is None else None
        got = "control characters only, which the tokenizer drops"
        raise TableError.at(file.path, "an answer with a visible character", got, line=line, field=where)
    what = f"left out {counted(len(lost), 'question')} whose answer has no visible character"
    return ExampleFile(file.path, kept, (*file.warnings, f"{file.path.name}: {what}: {_listed(lost)}"))


def for_scoring(file: ExampleFile[Question]) -> ExampleFile[Question]:
    """All questions; of those whose answers are not at their offsets the texts are all that is needed."""
    misaligned = [question for question in file.examples if misalignment(question)]
    if not misaligned:
        return file
    what = f"{counted(len(misaligned), 'question')} whose answer is not at its offset"
    warning = f"{file.path.name}: {what}, scored by the text: {_listed(misaligned)}"
    return ExampleFile(file.path, file.examples, (*file.warnings, warning))


def misaligned_error(path: Path, question: Question) -> InputError:
    """The refusal of ``question``, none of whose answers is at its offset."""
    found = misalignment(question)
    if found is None:
        raise ValueError("an answer of the question stands at its offset")
    where, line = _place(question), question.line if question.id is None else None
    return TableError.at(path, found.expected, found.got, line=line, field=where, hint=found.hint)


def _json_rows(file: SquadFile, labelled: bool) -> Iterator[InputRow]:
    for raw in file.raw():
        try:
            yield InputRow(raw.line, file.question(raw, labelled=labelled))
        except InputError as problem:
            yield InputRow(raw.line, None, problem)


def _oddities(source: QuestionSource, questions: Sequence[Question]) -> Iterator[str]:
    """Blank lines, empty questions, and the same question about the same passage with other answers."""
    name = source.path.name
    yield from blank_warning(name, source.blank_lines)
    if empty := [question for question in questions if not question.question.strip()]:
        yield f"{name}: {counted(len(empty), 'empty question')}: {_listed(empty)}"
    if conflicts := conflicting(questions):
        one, other = conflicts[0]
        what = f"{counted(len(conflicts), 'question')} asked again of the same passage, with other answers"
        yield f"{name}: {what}, the first: {_place(other)} and {_place(one)}"


def _place(question: Question) -> str:
    return f"row {question.line}" if question.id is None else f"question {quote(question.id)}"


def _listed(questions: Sequence[Question]) -> str:
    places = [f"line {one.line}" if one.id is None else quote(one.id) for one in questions]
    return listed(places, _SHOWN)
