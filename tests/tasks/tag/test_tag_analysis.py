"""Tags taken apart: by hand, and the metrics of resampled sentences against those of the sentences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from bertwright.tasks.analysis import Analysis, Answered
from bertwright.tasks.tag.analysis import WordScores, analyse_tags
from bertwright.tasks.tag.metrics import entity_metrics

ENTITY_TAGS = ["O", "B-X", "I-X", "B-Y", "I-Y"]
PLAIN_TAGS = ["DET", "NOUN", "VERB"]
Rows = list[list[tuple[str, str, int]]]


def analysed(truth: list[list[str]], answer: list[list[str]], types: list[str] | None) -> Analysis:
    words = [[f"w{place}" for place in range(len(tags))] for tags in truth]
    examples = [
        SimpleNamespace(line=row + 1, shown=" ".join(part), words=part) for row, part in enumerate(words)
    ]
    task: Any = SimpleNamespace(kind="tag")
    answered = Answered(task, [], [], examples, [])
    known = PLAIN_TAGS if types is None else ENTITY_TAGS
    return analyse_tags(answered, truth, answer, scores_of(truth), known, types, strict=True)


def scores_of(truth: list[list[str]]) -> WordScores:
    """Every word is sure of its first tag to three quarters; true is its first where it is outside."""
    sentence = np.repeat(np.arange(len(truth)), [len(tags) for tags in truth])
    numbers = np.array([int(tag != "O") for tags in truth for tag in tags])
    return WordScores(np.tile(np.log([0.75, 0.25]), (len(numbers), 1)), numbers, sentence)


def test_by_hand() -> None:
    truth = [["B-X", "I-X", "O", "B-Y"], ["O", "B-X"], ["O"]]
    answer = [["B-X", "O", "O", "B-Y"], ["B-Y", "O"], ["O"]]
    found = analysed(truth, answer, ["X", "Y"])
    assert found.score.tolist() == pytest.approx([3 / 4, 0, 1])
    assert found.right is not None and found.right.tolist() == [False, False, True]
    first, second = found.mistakes
    assert (first.line, first.text, first.badness) == (2, "w0 w1", 2.0)
    assert (first.truth, first.answer) == ("w0/O w1/B-X", "w0/B-Y w1/O")
    assert (second.truth, second.answer) == ("w1/I-X", "w1/O")
    x, y = found.labels
    assert (x.label, x.support, x.given, x.f1) == ("X", 2, 1, 0)
    assert (y.label, y.support, y.given, y.precision, y.recall) == ("Y", 1, 2, 1 / 2, 1)
    assert found.confusion is not None and found.confusion.counts.sum() == 7
    assert found.calibration is not None and found.calibration.expected_error == pytest.approx(0.75 - 3 / 7)
    losses = found.measure.at(np.array([[1.0, 1, 1], [0, 0, 2]]))["loss"]
    assert losses.tolist() == pytest.approx([-np.log([0.75] * 3 + [0.25] * 4).mean(), -np.log(0.75)])


def rows_of(tags: list[str]) -> st.SearchStrategy[Any]:
    word = st.tuples(st.sampled_from(tags), st.sampled_from(tags))
    sentence = st.tuples(st.lists(word, min_size=1, max_size=6), st.integers(0, 2))
    return st.lists(sentence, min_size=1, max_size=6)


@given(rows_of(ENTITY_TAGS))
@settings(max_examples=100, deadline=None)
def test_resampled_entities(rows: Any) -> None:
    check(rows, ["X", "Y"], lambda truth, answer: entity_metrics(truth, answer, ["X", "Y"], strict=True))


@given(rows_of(PLAIN_TAGS))
@settings(max_examples=60, deadline=None)
def test_resampled_plain_tags(rows: Any) -> None:
    check(rows, None, plain_by_scikit_learn)


def plain_by_scikit_learn(truth: list[list[str]], answer: list[list[str]]) -> dict[str, float]:
    flat = [[tag for tags in side for tag in tags] for side in (truth, answer)]
    averages = ("macro", "weighted")
    f1 = {f"f1_{name}": f1_score(*flat, average=name, zero_division=0) for name in averages}
    return {"accuracy": accuracy_score(*flat), **f1}


def test_taggers_that_give_different_tags_are_compared_tag_by_tag() -> None:
    """One never says ``VERB``, the other never ``DET``, and each tag keeps its place."""
    truth = [["NOUN", "NOUN"], ["NOUN"], ["NOUN", "NOUN"]]
    one = [["NOUN", "DET"], ["DET"], ["NOUN", "NOUN"]]
    for other in ([["VERB", "NOUN"], ["NOUN"], ["VERB", "NOUN"]], truth):
        swaps = np.array([[False, True, False], [True, False, True], [True, True, True]])
        measures = [analysed(truth, answer, None).measure for answer in (one, other)]
        found = measures[0].exchanged(measures[1], swaps)
        for place, row in enumerate(swaps.tolist()):
            mixed = [pair[int(swap)] for pair, swap in zip(zip(one, other, strict=True), row, strict=True)]
            expected = plain_by_scikit_learn(truth, mixed)
            assert {name: found[name][place] for name in expected} == pytest.approx(expected)


def check(rows: Any, types: list[str] | None, metrics: Any) -> None:
    truth, answer = ([[pair[side] for pair in sentence] for sentence, _ in rows] for side in (0, 1))
    weights = np.array([weight for _, weight in rows])
    weights[0] = 1
    found = analysed(truth, answer, types).measure.at(weights[None].astype(float))
    drawn = [
        [tags for tags, w in zip(side, weights, strict=True) for _ in range(w)] for side in (truth, answer)
    ]
    del found["loss"]
    expected = metrics(*drawn)
    assert {name: float(value[0]) for name, value in found.items()} == pytest.approx(expected)
