"""Files of questions with choices -> examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bertwright.errors import TableError, counted
from bertwright.tasks.choose.answers import expected_answer, place_of, style_of
from bertwright.tasks.choose.question import Question
from bertwright.tasks.choose.raw import C3Source, RawQuestion, Source
from bertwright.tasks.choose.settings import AnswerStyle, ChooseSettings
from bertwright.tasks.examples import ExampleFile, InputRow, InputStream, blank_warning, conflict_warning

_SHOWN = 3


def read_raw(source: Source) -> list[RawQuestion]:
    """Every question.

    Raises:
        TableError: there are none, or one of them is wrong.
    """
    found: list[RawQuestion] = []
    for row in source.rows():
        if row.problem is not None:
            raise row.problem
        if row.raw is not None:
            found.append(row.raw)
    if not found:
        raise TableError.at(source.path, "at least one question", "none")
    return found


def settled_style(raws: list[RawQuestion], settings: ChooseSettings) -> AnswerStyle:
    """How the answers of a training file name choices: as asked for, or as they look."""
    if settings.answers != "auto":
        return settings.answers
    return style_of((raw.answer, raw.question.choices) for raw in raws)


def answered(
    source: Source, raws: list[RawQuestion], style: AnswerStyle, count_from: int
) -> ExampleFile[Question]:
    """The questions with the places of their answers.

    Raises:
        TableError: an answer is none of the choices.
    """
    examples = []
    for raw in raws:
        question = raw.question
        place = place_of(raw.answer, question.choices, style, count_from)
        if place is None:
            expected = expected_answer(question.choices, style, count_from)
            got = "null" if raw.answer is None else raw.answer or "an empty one"
            line = None if isinstance(source, C3Source) else question.line
            hint = _hint(raw, style, count_from)
            raise TableError.at(source.path, expected, got, line=line, field=raw.place, hint=hint)
        examples.append(replace(question, target=place))
    return ExampleFile(source.path, examples, _warnings(source, examples))


def unanswered(source: Source, raws: list[RawQuestion]) -> ExampleFile[Question]:
    """The questions alone."""
    return ExampleFile(source.path, [raw.question for raw in raws])


def stream_of(source: Source) -> InputStream:
    """The questions one at a time, the unusable ones with the reason."""
    return InputStream(source.columns, source.guess, partial(_inputs, source))


def _inputs(source: Source) -> Iterator[InputRow]:
    for row in source.rows():
        yield InputRow(row.line, None if row.raw is None else row.raw.question, row.problem)


def _hint(raw: RawQuestion, style: AnswerStyle, count_from: int) -> str | None:
    choices = raw.question.choices
    if style == "index" and not count_from and place_of(raw.answer, choices, style, 1) is not None:
        return "if the first choice has the number 1, give --set choose.count_from=1"
    if style == "text" and isinstance(raw.answer, str) and choices.count(raw.answer) > 1:
        return "two choices have this text"
    return None


def _warnings(source: Source, examples: list[Question]) -> tuple[str, ...]:
    name = source.path.name
    doubled = [row for row in examples if len(set(row.choices)) < len(row.choices)]
    found = list(blank_warning(name, source.blank_lines))
    if doubled:
        what = "question" if isinstance(source, C3Source) else "line"
        shown = ", ".join(f"{what} {row.line}" for row in doubled[:_SHOWN])
        found.append(f"{name}: {counted(len(doubled), 'question')} with two equal choices: {shown}")
    return (*found, *conflict_warning(name, examples))
