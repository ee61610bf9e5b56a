"""The official reports of SQuAD 1.1 and 2.0, by question id and from 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.answer.metrics import QuestionScores, question_scores
from bertwright.tasks.answer.settings import Units
from bertwright.tasks.answer.thresholds import best_threshold

References = Mapping[str, Sequence[str]]
"""The right answers of every question; none when it has no answer."""


def squad_v1(
    references: References, predictions: Mapping[str, str], *, units: Units = "words"
) -> dict[str, float]:
    """``exact_match`` and ``f1`` as ``evaluate-v1.1.py``; a question without prediction counts as wrong."""
    given = [key for key in references if key in predictions]
    scores = question_scores(
        [predictions[key] for key in given],
        [references[key] for key in given],
        units=units,
        may_lack=False,
    )
    count = len(references)
    return {
        "exact_match": 100.0 * float(scores.exact.sum()) / count,
        "f1": 100.0 * float(scores.f1.sum()) / count,
    }


def squad_v2(
    references: References,
    predictions: Mapping[str, str],
    null_odds: Mapping[str, float] | None = None,
    *,
    threshold: float = 1.0,
    units: Units = "words",
) -> dict[str, float]:
    """The report of ``evaluate-v2.0.py``: all questions, those with and without answer, best thresholds.

    Args:
        predictions: of every question; empty for no answer.
        null_odds: of every question; above ``threshold`` the prediction is taken as no answer. Without them
            there are no best thresholds.

    Raises:
        ValueError: a question has no prediction or no odds.
    """
    if any(key not in predictions or (null_odds is not None and key not in null_odds) for key in references):
        raise ValueError("expected a prediction, and odds where there are any, for every question")
    keys = list(references)
    scores = question_scores([predictions[key] for key in keys], list(references.values()), units=units)
    has_answer = np.array([bool(references[key]) for key in keys])
    if null_odds is None:
        return report_v2(scores, has_answer)
    odds = np.array([null_odds[key] for key in keys])
    refused = QuestionScores(
        *(refuse(part, odds, has_answer, threshold) for part in (scores.exact, scores.f1))
    )
    answered = np.array([bool(predictions[key]) for key in keys])
    report = report_v2(refused, has_answer)
    # of equal odds the official search takes them in the order of the file of odds
    places = {key: place for place, key in enumerate(null_odds)}
    order = np.argsort([places[key] for key in keys])
    for name, part in (("exact", scores.exact), ("f1", scores.f1)):
        best = best_threshold(part[order], odds[order], has_answer[order], answered[order])
        report |= {f"best_{name}": 100.0 * best.score, f"best_{name}_thresh": best.threshold}
    return report


def refuse(
    scores: NDArray[np.float64], odds: NDArray[np.float64], has_answer: NDArray[np.bool_], threshold: float
) -> NDArray[np.float64]:
    """Scores after the questions with odds above ``threshold`` are refused."""
    return np.where(odds > threshold, (~has_answer).astype(np.float64), scores)


def report_v2(scores: QuestionScores, has_answer: NDArray[np.bool_]) -> dict[str, float]:
    """Means over all questions, over those with an answer and those without; 0 to 100."""
    report = _means("", scores, np.ones(len(has_answer), dtype=np.bool_))
    for name, chosen in (("HasAns_", has_answer), ("NoAns_", ~has_answer)):
        if chosen.any():
            report |= _means(name, scores, chosen)
    return report


def _means(prefix: str, scores: QuestionScores, chosen: NDArray[np.bool_]) -> dict[str, float]:
    return {
        f"{prefix}exact": 100.0 * float(scores.exact[chosen].mean()),
        f"{prefix}f1": 100.0 * float(scores.f1[chosen].mean()),
        f"{prefix}total": int(chosen.sum()),
    }
