"""Answers taken apart: by hand, and their metrics against those of evaluation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bertwright.tasks.analysis import Answered
from bertwright.tasks.answer.analysis import analyse_answers, by_question_word
from bertwright.tasks.answer.decoding import Answer
from bertwright.tasks.answer.questions import Question, Reference
from bertwright.tasks.answer.scoring import metrics_of

QUESTIONS = [
    Question("Who slept?", "the old cat slept", "a", (Reference("old cat", 4),), 1),
    Question("In what did it sleep?", "the old cat slept", "b", (), 2),
    Question("Wer?", "the old cat slept", "c", (Reference("cat", 8), Reference("old cat", 4)), 3),
    Question("who else?", "the old cat slept", "d", (), 4),
]
TEXTS = [("cat", 0.5), ("", 0.9), ("slept", 0.4), ("slept", 0.8)]


def answers() -> list[Answer]:
    return [
        Answer(question.id, text, None, sure, None, (), None, False)
        for question, (text, sure) in zip(QUESTIONS, TEXTS, strict=True)
    ]


def analysed() -> Any:
    task: Any = SimpleNamespace(kind="answer")
    found = answers()
    return analyse_answers(Answered(task, [], [], QUESTIONS, found), found, "words", may_lack=False)


def test_by_hand() -> None:
    found = analysed()
    assert found.score.tolist() == pytest.approx([2 / 3, 1.0, 0.0, 0.0])
    assert found.right.tolist() == [False, True, False, False]
    assert found.wrong == 3
    worst = [(m.line, m.truth, m.answer, m.confidence) for m in found.mistakes]
    assert worst == [
        (4, "(no answer)", "slept", 0.8),
        (3, "cat / old cat", "slept", 0.4),
        (1, "old cat", "cat", 0.5),
    ]
    word, answer = found.groupings
    assert (word.name, list(word.groups), word.members.tolist()) == (
        "question_word",
        ["who", "other", "what"],
        [0, 2, 1, 0],
    )
    assert answer.members.tolist() == [0, 1, 0, 1]


def test_measure_has_the_metrics_of_evaluation() -> None:
    values = {name: float(value[0]) for name, value in analysed().measure.at(np.ones((1, 4))).items()}
    by_hand = {"exact_match": 1 / 4, "f1": (2 / 3 + 1) / 4, "HasAns_exact": 0, "HasAns_f1": 1 / 3}
    assert values == pytest.approx(by_hand | {"NoAns_exact": 1 / 2, "NoAns_f1": 1 / 2})
    assert values == metrics_of(answers(), QUESTIONS, "words", may_lack=False)
    without = analysed().measure.without_each()
    rest = metrics_of(answers()[1:], QUESTIONS[1:], "words", may_lack=True)
    assert {name: float(value[0]) for name, value in without.items()} == pytest.approx(rest)


def test_parts_without_a_question_have_no_metrics() -> None:
    pairs = list(zip(answers(), QUESTIONS, strict=True))
    for has_answer, more in ((True, []), (False, ["NoAns_exact", "NoAns_f1"])):
        chosen = [pair for pair in pairs if bool(pair[1].answers) is has_answer]
        found = metrics_of(*map(list, zip(*chosen, strict=True)), "words", may_lack=True)
        assert list(found) == ["exact_match", "f1", *more]


def test_question_words() -> None:
    assert by_question_word(["The year when?", "HOW many"]).groups == ["how", "when"]
    assert by_question_word(["猫在哪里?"]).groups == ["other"]
