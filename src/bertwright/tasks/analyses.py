"""Which analysis belongs to which kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bertwright.tasks.analysis import Analysis, Answered
from bertwright.tasks.answer.analysis import analyse_answers
from bertwright.tasks.choose.analysis import analyse_choices
from bertwright.tasks.choose.decoding import by_question
from bertwright.tasks.classify.analysis import analyse_classes
from bertwright.tasks.classify.decoding import log_probabilities
from bertwright.tasks.label.analysis import analyse_labels
from bertwright.tasks.regress.analysis import analyse_numbers
from bertwright.tasks.regress.decoding import values
from bertwright.tasks.regress.settings import RegressSettings
from bertwright.tasks.tag.analysis import WordScores, analyse_tags
from bertwright.tasks.tag.decoding import words_logits, words_targets
from bertwright.tasks.tag.schemes import types_of


def analyse(answered: Answered) -> Analysis:
    """The answers taken apart, as their kind of task is."""
    return _ANALYSES[answered.task.kind](answered.task, answered)


def _classes(task: Any, answered: Answered) -> Analysis:
    return analyse_classes(answered, task.labels)


def _answers(task: Any, answered: Answered) -> Analysis:
    predictions: Any = answered.predictions
    return analyse_answers(answered, predictions, task.units, may_lack=task.threshold is not None)


def _numbers(task: Any, answered: Answered) -> Analysis:
    truth = np.array([example.target for example in answered.examples], dtype=np.float64)
    given, raw = (
        values(answered.outputs, task.offset, task.scale, settings)
        for settings in (task.settings, RegressSettings())
    )
    return analyse_numbers(answered, truth, given, raw)


def _tags(task: Any, answered: Answered) -> Analysis:
    features: Any = answered.features
    predictions: Any = answered.predictions
    scores = WordScores(
        log_probabilities(words_logits(answered.outputs, features)),
        words_targets(features),
        np.repeat([row.example for row in features], [len(row.places) for row in features]),
    )
    truth = [sentence.tags for sentence in answered.examples]
    given = [prediction.tags for prediction in predictions]
    types = None if task.scheme == "plain" else types_of(task.labels)
    strict = task.scheme == "IOB2"
    return analyse_tags(answered, truth, given, scores, task.labels, types, strict=strict)


def _choices(_task: Any, answered: Answered) -> Analysis:
    logs = by_question(answered.outputs, answered.features)
    truth = np.array([question.target for question in answered.examples], dtype=np.int64)
    return analyse_choices(answered, logs, truth, [question.choices for question in answered.examples])


def _labels(task: Any, answered: Answered) -> Analysis:
    logits = np.asarray(answered.outputs, dtype=np.float64)
    truth = np.array([row.target for row in answered.features]) > 0
    sets = [set(prediction.to_dict()["labels"]) for prediction in answered.predictions]
    given = np.array([[label in chosen for label in task.labels] for chosen in sets])
    return analyse_labels(answered, task.labels, logits, truth, given)


_ANALYSES: dict[str, Callable[[Any, Answered], Analysis]] = {
    "classify": _classes,
    "answer": _answers,
    "regress": _numbers,
    "tag": _tags,
    "choose": _choices,
    "multi-label": _labels,
}
