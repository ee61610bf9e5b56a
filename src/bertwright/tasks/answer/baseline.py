"""How far one gets without looking at the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bertwright.tasks.answer.decoding import windows_of
from bertwright.tasks.answer.encoding import OUTSIDE, AnswerFeatures
from bertwright.tasks.answer.metrics import QuestionScores, question_scores
from bertwright.tasks.answer.passage import Passage
from bertwright.tasks.answer.settings import Units

Place = tuple[int, int]
"""First and last piece of the passage."""


def text_free_baseline(
    train: Sequence[AnswerFeatures], dev: Sequence[AnswerFeatures], units: Units, *, may_lack: bool
) -> dict[str, float]:
    """Exact match and F1 on ``dev`` of what is best on ``train``: the most frequent place, or no answer.

    Args:
        may_lack: whether no answer is one.
    """
    places = Counter(_place(row) for row in train if tuple(row.target.tolist()) != OUTSIDE)
    chosen: list[Place | None] = [min(places, key=lambda place: (-places[place], place))] if places else []
    if may_lack or not chosen:
        chosen.append(None)
    best = max(chosen, key=lambda place: float(_scores(train, place, units, may_lack).f1.mean()))
    scores = _scores(dev, best, units, may_lack)
    return {"exact_match": float(scores.exact.mean()), "f1": float(scores.f1.mean())}


def _place(row: AnswerFeatures) -> Place:
    first, last = row.target.tolist()
    return row.piece(first), row.piece(last)


def _scores(
    rows: Sequence[AnswerFeatures], place: Place | None, units: Units, may_lack: bool
) -> QuestionScores:
    first_windows = [rows[indices[0]] for indices in windows_of(rows)]
    texts = ["" if place is None else _text(row.passage, place) for row in first_windows]
    references = [row.question.target or () for row in first_windows]
    return question_scores(texts, references, units=units, may_lack=may_lack)


def _text(passage: Passage, place: Place) -> str:
    """The text at ``place``, or at the end of a shorter passage."""
    if not len(passage):
        return ""
    first, last = np.minimum(place, len(passage) - 1).tolist()
    start, end = passage.span(first, last)
    return passage.text[start:end]
