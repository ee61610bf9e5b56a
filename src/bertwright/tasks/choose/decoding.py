"""Scores of a question's choices to the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.batches import Features
from bertwright.tasks.choose.answers import name_of
from bertwright.tasks.choose.question import Question
from bertwright.tasks.choose.settings import AnswerStyle
from bertwright.tasks.classify.decoding import log_probabilities


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer to one question."""

    label: str | int
    """The chosen one's letter, or its number, as the training file named choices."""
    choice: str
    """Its text."""
    probabilities: tuple[float, ...]
    """Of every choice, in order; they sum to 1."""
    truncated: bool

    def to_dict(self) -> dict[str, Any]:
        """As written by ``predict``."""
        return {
            "label": self.label,
            "choice": self.choice,
            "probabilities": list(self.probabilities),
            "truncated": self.truncated,
        }


def by_question(
    outputs: Sequence[NDArray[np.float32]], features: Sequence[Features]
) -> list[NDArray[np.float64]]:
    """Log-probabilities of the choices (softmax over one question's), an array for each question."""
    scores: dict[int, list[float]] = {}
    for output, row in zip(outputs, features, strict=True):
        scores.setdefault(row.example, []).append(float(output[0]))
    return [log_probabilities(np.asarray(scores[index], np.float32)) for index in sorted(scores)]


def decode(
    outputs: Sequence[NDArray[np.float32]],
    features: Sequence[Features],
    questions: Sequence[Question],
    style: AnswerStyle,
    count_from: int,
) -> list[Choice]:
    """The most probable choice of every question; of equal ones the first."""
    cut = {row.example for row in features if row.truncated}
    answers = []
    for index, (logs, question) in enumerate(zip(by_question(outputs, features), questions, strict=True)):
        best = int(logs.argmax())
        label = name_of(best, style, count_from)
        probabilities = tuple(np.exp(logs).tolist())
        answers.append(Choice(label, question.choices[best], probabilities, index in cut))
    return answers
