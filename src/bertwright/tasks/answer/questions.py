"""A question about a passage, and the answers that people gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bertwright.errors import InputError, quote


@dataclass(frozen=True, slots=True)
class Reference:
    """An answer that counts as right."""

    text: str
    start: int | None
    """Where it begins in the passage, in characters; None when that is not known."""

    def stands_in(self, context: str) -> bool:
        """Whether it is in ``context`` where it says."""
        return self.start is not None and self.start >= 0 and context.startswith(self.text, self.start)


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its passage."""

    question: str
    context: str
    id: str | None = None
    answers: tuple[Reference, ...] | None = None
    """Right answers; none (an empty tuple) when the passage does not answer it; None when not known."""
    line: int = 0
    """Its number in its file, from 1 (in tables: its line); 0 when it comes from nowhere."""

    @property
    def target(self) -> tuple[str, ...] | None:
        """The texts of the right answers."""
        return None if self.answers is None else tuple(answer.text for answer in self.answers)

    @property
    def texts(self) -> tuple[str, str]:
        """Question and passage."""
        return self.question, self.context

    @property
    def shown(self) -> str:
        """Question and passage, with a bar between them."""
        return f"{self.question} | {self.context}"

    @property
    def is_impossible(self) -> bool:
        """Whether it is known that the passage has no answer."""
        return self.answers == ()

    @property
    def trained(self) -> Reference | None:
        """The answer to learn: the first that stands at its offset."""
        return next((answer for answer in self.answers or () if answer.stands_in(self.context)), None)


def questions_of(rows: Sequence[Any]) -> list[Question]:
    """Inputs from a program: pairs (question, passage), or mappings with ``question`` and ``context``.

    Raises:
        InputError: naming the first row (from 0) that is neither, or has an empty text.
    """
    return [
        row if isinstance(row, Question) else _question_of(number, row) for number, row in enumerate(rows)
    ]


def _question_of(number: int, row: Any) -> Question:
    parts: list[Any]
    if isinstance(row, dict):
        parts, identity = [row.get("question"), row.get("context")], row.get("id")
    else:
        parts, identity = list(row) if isinstance(row, (tuple, list)) else [row], None
    texts = [part for part in parts if isinstance(part, str) and part.strip()]
    if len(parts) != 2 or len(texts) != 2:
        raise InputError(f"row {number}: expected a question and its passage, got {quote(row)}")
    if identity is not None and not isinstance(identity, str):
        raise InputError(f"row {number}: expected a text as id, got {quote(identity)}")
    return Question(texts[0], texts[1], identity)
