"""What there is to say about a model's answers to labelled examples, besides the metrics.

Each kind of task has an ``analysis`` that makes this of its answers; parts that it does not have stay empty.
Axes: N examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.calibration import Calibration
from bertwright.statistics.classes import ClassScore, Confusion
from bertwright.statistics.measures import Floats, Measure
from bertwright.tasks.batches import Features
from bertwright.tasks.task import Outputs, Prediction, Task

WORST = 50
"""Mistakes that are kept."""


@dataclass(frozen=True)
class Answered:
    """Labelled examples and what a model made of them; what an analysis looks at."""

    task: Task[Any]
    outputs: Outputs
    features: Sequence[Features]
    examples: Sequence[Any]
    predictions: Sequence[Prediction]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One example that was answered wrongly; its texts are in one line each."""

    row: int
    """Its place in the file, from 0."""
    line: int
    text: str
    truth: str
    answer: str
    confidence: float | None
    """Probability of the answer, where the task has one."""
    badness: float
    """What the worst are told by: the loss, or the error."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Grouping:
    """Which group each example belongs to, in a way that may explain mistakes."""

    name: str
    """By what, in one word: the key in JSON is ``by_`` and this."""
    groups: Sequence[str]
    """Their names, in order."""
    members: NDArray[np.int64]
    """(N,): numbers of groups; -1 for none."""


@dataclass(frozen=True)
class Analysis:
    """Answers taken apart."""

    measure: Measure
    """The metrics as functions of the examples, for intervals and tests; some may have none."""
    score: Floats
    """(N,): how good each answer is."""
    score_name: str
    """What the mean of ``score`` is called."""
    badness_name: str
    """What :attr:`Mistake.badness` is called."""
    mistakes: tuple[Mistake, ...]
    """The worst first, at most :data:`WORST`."""
    wrong: int
    """How many there are in all."""
    right: NDArray[np.bool_] | None = None
    """(N,): which answers are right, where an answer is either right or wrong."""
    labels: tuple[ClassScore, ...] = ()
    confusion: Confusion | None = None
    calibration: Calibration | None = None
    truth_and_answer: Floats | None = None
    """(N, 2) where both are numbers."""
    groupings: tuple[Grouping, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The parts that ``evaluate --json`` prints, those that there are."""
        parts: dict[str, Any] = {"mistakes": [mistake.to_dict() for mistake in self.mistakes]}
        parts["wrong"] = self.wrong
        if self.labels:
            parts["labels"] = [label.to_dict() for label in self.labels]
        if self.confusion is not None:
            parts["confusion"] = self.confusion.to_dict()
        if self.calibration is not None:
            parts["calibration"] = self.calibration.to_dict()
        return parts


def worst(
    answered: Answered,
    wrong: NDArray[np.bool_],
    badness: Floats,
    truths: Sequence[str],
    answers: Sequence[str],
    confidence: Floats | None = None,
) -> tuple[Mistake, ...]:
    """The examples of ``wrong`` (N,) with the highest ``badness`` (N,), of equal ones the first."""
    places = np.flatnonzero(wrong)
    order = places[np.argsort(-badness[places], kind="stable")][:WORST]
    return tuple(
        Mistake(
            row,
            answered.examples[row].line,
            _in_one_line(answered.examples[row].shown),
            _in_one_line(truths[row]),
            _in_one_line(answers[row]),
            None if confidence is None else float(confidence[row]),
            float(badness[row]),
        )
        for row in order.tolist()
    )


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
