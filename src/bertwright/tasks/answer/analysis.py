"""Answers taken apart: by what is asked, with and without answer, and the most wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from bertwright.tasks.analysis import Analysis, Answered, Grouping, worst
from bertwright.tasks.answer.decoding import Answer
from bertwright.tasks.answer.metrics import answer_measure, question_scores
from bertwright.tasks.answer.settings import Units

QUESTION_WORDS = ("what", "which", "who", "whom", "whose", "when", "where", "why", "how")
_WORD = re.compile(r"[^\W\d_]+")


def analyse_answers(
    answered: Answered, predictions: Sequence[Answer], units: Units, *, may_lack: bool
) -> Analysis:
    """Of spans of passages.

    Args:
        may_lack: whether there may be no answer; so it is anyway if a question has none.
    """
    questions = answered.examples
    has_answer = np.array([bool(question.answers) for question in questions])
    texts = [prediction.answer for prediction in predictions]
    may_lack = may_lack or not has_answer.all()
    references = [question.target or () for question in questions]
    scores = question_scores(texts, references, units=units, may_lack=may_lack)
    right = scores.exact > 0
    sure = np.array([prediction.probability for prediction in predictions])
    truths = [" / ".join(dict.fromkeys(reference)) or "(no answer)" for reference in references]
    groupings = [by_question_word([question.question for question in questions])]
    if may_lack:
        groupings.append(
            Grouping("answer", ["with answer", "without answer"], (~has_answer).astype(np.int64))
        )
    return Analysis(
        measure=answer_measure(scores, has_answer),
        score=scores.f1,
        score_name="f1",
        badness_name="lost f1 x confidence",
        mistakes=worst(
            answered,
            ~right,
            (1.0 - scores.f1) * sure,
            truths,
            [text or "(no answer)" for text in texts],
            sure,
        ),
        wrong=int((~right).sum()),
        right=right,
        groupings=tuple(groupings),
    )


def by_question_word(questions: list[str]) -> Grouping:
    """By the first question word in each question; questions of other languages have none."""
    words = [
        next((word for word in _WORD.findall(question.lower()) if word in QUESTION_WORDS), "other")
        for question in questions
    ]
    counts = Counter(words)
    names = sorted(counts, key=lambda word: (-counts[word], word))
    return Grouping("question_word", names, np.array([names.index(word) for word in words]))
