"""The odds above which a question counts as unanswerable, chosen on development questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BestThreshold:
    """The threshold that gives the highest mean score."""

    score: float
    """Mean over the questions, 0 to 1."""
    threshold: float


def best_threshold(
    scores: Array, odds: Array, has_answer: NDArray[np.bool_], answered: NDArray[np.bool_]
) -> BestThreshold:
    """The official search (``find_best_thresh``): of equally good thresholds the lowest.

    Args:
        scores: of every question as it was answered, none refused.
        odds: of no answer.
        has_answer: whether the question has an answer.
        answered: whether the model gave one.

    The threshold is one of ``odds`` (questions up to it are answered), or 0 when nothing is better than to
    refuse all of them.
    """
    order = np.argsort(odds, kind="stable")
    totals = _totals(scores, has_answer, answered, order)
    best = int(np.argmax(totals))  # of equal ones the first
    threshold = 0.0 if best == 0 else float(odds[order[best - 1]])
    return BestThreshold(float(totals[best]) / len(scores), threshold)


def fit_threshold(
    scores: Array, odds: Array, has_answer: NDArray[np.bool_], answered: NDArray[np.bool_]
) -> float:
    """The threshold to be used: as :func:`best_threshold`, but its score is what applying it gives.

    The official search can cut between questions of the same odds, gives the odds of a question, and 0 when
    it is best to refuse every question, which 0 does not. Here no question stands on the threshold, where the
    last digit of its odds, and with it the number of threads or the precision, would decide: it is halfway
    between two questions, or 1 below or above all of them.
    """
    order = np.argsort(odds, kind="stable")
    totals, ranked = _totals(scores, has_answer, answered, order), odds[order]
    whole = np.append(ranked[1:] > ranked[:-1], True)  # the last question of each value
    places = np.append(0, np.flatnonzero(whole) + 1)
    best = int(places[np.argmax(totals[places])])
    if best == 0:
        return float(ranked[0]) - 1.0
    if best == len(ranked):
        return float(ranked[-1]) + 1.0
    last, next_ = float(ranked[best - 1]), float(ranked[best])
    middle = (last + next_) / 2
    return middle if middle < next_ else last  # neighbours among the floats have nothing between them


def _totals(
    scores: Array, has_answer: NDArray[np.bool_], answered: NDArray[np.bool_], order: NDArray[np.int64]
) -> Array:
    """(N + 1,) sum of the scores when the first 0, 1, ... N questions in ``order`` are answered."""
    gains = np.where(has_answer, scores, np.where(answered, -1.0, 0.0))[order]
    result: Array = np.cumsum(np.append(float((~has_answer).sum()), gains))
    return result
