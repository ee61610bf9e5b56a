"""What a model's answers to labelled questions are worth, from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.measures import figures
from bertwright.tasks.answer.decoding import Answer
from bertwright.tasks.answer.encoding import AnswerFeatures
from bertwright.tasks.answer.metrics import answer_measure, question_scores
from bertwright.tasks.answer.questions import Question
from bertwright.tasks.answer.settings import Units
from bertwright.tasks.answer.thresholds import best_threshold, fit_threshold


def metrics_of(
    answers: Sequence[Answer], questions: Sequence[Question], units: Units, *, may_lack: bool
) -> dict[str, float]:
    """Exact match and F1, as the official evaluation has them but for the scale.

    Args:
        may_lack: whether there may be no answer (SQuAD 2.0); so it is anyway if a question has none.
    """
    has_answer = _has_answer(questions)
    references = [question.target or () for question in questions]
    scores = question_scores(
        [answer.answer for answer in answers],
        references,
        units=units,
        may_lack=may_lack or not has_answer.all(),
    )
    return figures(answer_measure(scores, has_answer))


def fitted_threshold(answers: Sequence[Answer], questions: Sequence[Question], units: Units) -> float:
    """The threshold of the odds of no answer with the highest F1 on these questions."""
    return fit_threshold(*_answered_scores(answers, questions, units))


def best_f1(answers: Sequence[Answer], questions: Sequence[Question], units: Units) -> float:
    """F1 at the best threshold for these questions, by the official search."""
    return best_threshold(*_answered_scores(answers, questions, units)).score


def span_loss(outputs: Sequence[NDArray[Any]], features: Sequence[AnswerFeatures]) -> float:
    """Mean over the windows whose answer is known of the mean cross entropy of start and end; 0 without any.

    The loss of training; ``outputs`` have no padding.
    """
    losses = [
        _cross_entropy(logits.astype(np.float64), row.target)
        for logits, row in zip(outputs, features, strict=True)
        if row.target is not None
    ]
    return float(np.mean(losses)) if losses else 0.0


def _cross_entropy(logits: NDArray[np.float64], target: NDArray[np.int64]) -> float:
    highest = logits.max(axis=0)
    totals = highest + np.log(np.exp(logits - highest).sum(axis=0))  # (2,)
    return float((totals - logits[target, [0, 1]]).mean())


def _answered_scores(
    answers: Sequence[Answer], questions: Sequence[Question], units: Units
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """F1 of the best answer of every question, its odds, whether the question has one, whether it was given.

    A passage without pieces has no answer at any threshold, whatever its odds are called.
    """
    texts = ["" if answer.best is None else answer.best.text for answer in answers]
    scores = question_scores(texts, [question.target or () for question in questions], units=units)
    odds = np.array([0.0 if answer.null_odds is None else answer.null_odds for answer in answers])
    answered = np.array([bool(text) for text in texts])
    return scores.f1, odds, _has_answer(questions), answered


def _has_answer(questions: Sequence[Question]) -> NDArray[np.bool_]:
    return np.array([bool(question.answers) for question in questions])
