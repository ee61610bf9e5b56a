"""A question with its choices, and what a set of choices must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bertwright.errors import InputError, quote

MOST_CHOICES = 26


@dataclass(frozen=True, slots=True)
class Question:
    """A question, or the beginning of a sentence, and its choices."""

    question: str
    choices: tuple[str, ...]
    context: str | None = None
    """The passage that the question is about, where there is one."""
    target: int | None = None
    """Which choice is right, from 0; None when it is to be predicted."""
    line: int = 0
    """Where it begins in its file (C3: which question of the file it is), from 1; 0 when it comes from
    nowhere."""

    @property
    def texts(self) -> tuple[str | None, str, tuple[str, ...]]:
        """The input without the target."""
        return self.context, self.question, self.choices

    @property
    def shown(self) -> str:
        """The question and its choices, with bars between them."""
        return " | ".join((self.question, *self.choices))


def problem_of(choices: object) -> tuple[str, object] | None:
    """What was expected of ``choices`` and what they are instead; None when they are choices."""
    if not isinstance(choices, (list, tuple)):
        return "a list of choices", "null" if choices is None else choices
    if not 2 <= len(choices) <= MOST_CHOICES:
        return f"2 to {MOST_CHOICES} choices", len(choices)
    for choice in choices:
        if not isinstance(choice, str):
            return "choices that are texts", "null" if choice is None else choice
        if not choice.strip():
            return "choices that are texts", "an empty one"
    return None


def questions_of(rows: Sequence[Any]) -> list[Question]:
    """``rows`` as questions: ``(question, choices)``, ``(context, question, choices)`` or mappings.

    Raises:
        InputError: naming the first row (from 0) that is none.
    """
    return [row if isinstance(row, Question) else _question(number, row) for number, row in enumerate(rows)]


def _question(number: int, row: Any) -> Question:
    if isinstance(row, Mapping) and {"question", "choices"} <= set(row):
        context, question, choices = row.get("context"), row["question"], row["choices"]
    elif isinstance(row, (tuple, list)) and len(row) in (2, 3):
        context, question, choices = (None, *row) if len(row) == 2 else row
    else:
        raise InputError(f"row {number}: expected a question and a list of its choices, got {quote(row)}")
    if not isinstance(question, str) or not question.strip():
        raise InputError(f"row {number}: expected a question that is a text, got {quote(question)}")
    if context is not None and not isinstance(context, str):
        raise InputError(f"row {number}: expected a context that is a text, got {quote(context)}")
    if problem := problem_of(choices):
        raise InputError(f"row {number}: expected {problem[0]}, got {quote(problem[1])}")
    return Question(question, tuple(choices), ((context or "").strip() and context) or None)
