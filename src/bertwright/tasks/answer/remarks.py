"""What is said about a training file: how its questions will be treated, and what is lost of them."""

from __future__ import annotations

from collections.abc import Sequence

from bertwright.errors import counted
from bertwright.tasks.answer.decoding import windows_of
from bertwright.tasks.answer.encoding import OUTSIDE, AnswerFeatures
from bertwright.tasks.answer.questions import Question
from bertwright.tasks.answer.settings import AnswerSettings, Units
from bertwright.tasks.examples import ExampleFile


def remarks_on(train: ExampleFile[Question], units: Units, settings: AnswerSettings) -> tuple[str, ...]:
    """What was found out about the questions."""
    name, count = train.path.name, len(train)
    found: list[str] = []
    if impossible := sum(question.is_impossible for question in train.examples):
        what = f"{impossible:,} of {count:,} questions have no answer"
        found.append(f"{name}: {what}: the threshold for giving none is fitted on the development questions")
    if units == "characters" and settings.units == "auto":
        how = "F1 is over characters, not words (answer.units chooses)"
        found.append(f"{name}: the answers are written without spaces: {how}")
    return tuple(found)


def warnings_about(name: str, features: Sequence[AnswerFeatures]) -> tuple[str, ...]:
    """Questions of which the end is cut, and answers that no window has whole."""
    questions = [[features[index] for index in rows] for rows in windows_of(features)]
    cut = sum(rows[0].truncated for rows in questions)
    outside = [rows for rows in questions if rows[0].question.answers and all(map(_is_outside, rows))]
    found: list[str] = []
    if cut:
        found.append(f"{name}: the end of {counted(cut, 'question')} is cut (answer.max_query_length)")
    if outside:
        where = ", ".join(_named(rows[0].question) for rows in outside[:3])
        what = f"{counted(len(outside), 'answer')} in no window as a whole, learned as no answer: {where}"
        found.append(f"{name}: {what} (a smaller answer.doc_stride or a longer max_length helps)")
    return tuple(found)


def _is_outside(row: AnswerFeatures) -> bool:
    return row.target is None or tuple(row.target.tolist()) == OUTSIDE


def _named(question: Question) -> str:
    return f"line {question.line}" if question.id is None else f"question {question.id}"
