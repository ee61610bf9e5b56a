"""Which analysis belongs to which kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bertwright.tasks.analysis import Analysis, Answered
from bertwright.tasks.answer.analysis import analyse_answers
from bertwright.tasks.classify.analysis import analyse_classes


def analyse(answered: Answered) -> Analysis | None:
    """The answers taken apart; None for a kind that has no analysis."""
    make = _ANALYSES.get(answered.task.kind)
    return None if make is None else make(answered.task, answered)


def _classes(task: Any, answered: Answered) -> Analysis:
    return analyse_classes(answered, task.labels)


def _answers(task: Any, answered: Answered) -> Analysis:
    predictions: Any = answered.predictions
    return analyse_answers(answered, predictions, task.units, may_lack=task.threshold is not None)


_ANALYSES: dict[str, Callable[[Any, Answered], Analysis]] = {"classify": _classes, "answer": _answers}
