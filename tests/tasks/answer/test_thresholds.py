"""The threshold of no answer: by hand, and against trying all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from official_squad import refuse

from bertwright.tasks.answer.thresholds import best_threshold, fit_threshold


def arrays(rows: list[tuple[float, float, bool, bool]]) -> tuple[np.ndarray, ...]:
    """Score, odds, whether there is an answer, whether one was given. An unanswered question that
    has an answer scores 0, one that has none 1, and so on."""
    scores = [
        score if has and was_given else float(not has and not was_given) for score, _, has, was_given in rows
    ]
    odds, has_answer, answered = (np.array(column) for column in list(zip(*rows, strict=True))[1:])
    return np.array(scores), odds, has_answer, answered


def test_by_hand() -> None:
    # from the lowest odds: right (+1), wrong on one without answer (-1), half right (+.5), wrong (-1)
    rows = [
        (1.0, -5.0, True, True),
        (0.0, -1.0, False, True),
        (0.5, 2.0, True, True),
        (0.0, 3.0, False, True),
    ]
    best = best_threshold(*arrays(rows))
    assert (best.threshold, best.score) == (-5.0, 3 / 4)
    assert fit_threshold(*arrays(rows)) == -3.0, "halfway to the next"
    scores, odds, has_answer, _ = arrays(rows)
    assert refuse(scores, odds, has_answer, -5.0).tolist() == [1, 1, 0, 1]
    assert refuse(scores, odds, has_answer, 2.0).tolist() == [1, 0, 0.5, 1]


def test_where_nothing_should_be_answered() -> None:
    rows = [(0.0, -5.0, False, True), (0.0, -1.0, False, True), (0.5, 2.0, True, True)]
    best = best_threshold(*arrays(rows))
    assert (best.threshold, best.score) == (0.0, 2 / 3), "the official search has no word for it"
    threshold = fit_threshold(*arrays(rows))
    scores, odds, has_answer, _ = arrays(rows)
    assert threshold < -5.0
    assert refuse(scores, odds, has_answer, threshold).mean() == pytest.approx(2 / 3)


def test_where_everything_should_be_answered() -> None:
    rows = [(1.0, 4.0, True, True), (0.2, -1.0, True, True)]
    assert fit_threshold(*arrays(rows)) == 5.0


def test_no_question_stands_on_the_threshold() -> None:
    """Odds whose last digits change, as other threads change them, decide nothing."""
    near = np.nextafter(1.0, 2.0)
    rows = [(1.0, 0.25, True, True), (1.0, 1.0, True, True), (0.0, 3.0, False, True)]
    scores, odds, has_answer, answered = arrays(rows)
    threshold = fit_threshold(scores, odds, has_answer, answered)
    for shifted in (odds - 1e-6, odds + 1e-6):
        assert refuse(scores, shifted, has_answer, threshold).tolist() == [1, 1, 1]
    rows = [(1.0, 1.0, True, True), (0.0, near, False, True)]
    scores, odds, has_answer, answered = arrays(rows)
    threshold = fit_threshold(scores, odds, has_answer, answered)
    assert refuse(scores, odds, has_answer, threshold).tolist() == [1, 1]


ROW = st.tuples(st.floats(0, 1), st.sampled_from([-2.0, -1.0, 0.0, 1.5]), st.booleans(), st.booleans())


@given(st.lists(ROW, min_size=1, max_size=12))
def test_no_threshold_is_better(rows: list[tuple[float, float, bool, bool]]) -> None:
    scores, odds, has_answer, answered = arrays(rows)
    fitted = fit_threshold(scores, odds, has_answer, answered)
    reached = refuse(scores, odds, has_answer, fitted).mean()
    for threshold in (-3.0, -2.0, -1.0, 0.0, 1.5, 9.0):
        assert refuse(scores, odds, has_answer, threshold).mean() <= reached + 1e-12
    official = best_threshold(scores, odds, has_answer, answered)
    assert official.score >= reached - 1e-12, "it may cut between equal odds"
