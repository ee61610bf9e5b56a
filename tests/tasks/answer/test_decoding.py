"""From scores to answers: by hand, and what holds for all scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bertwright.tasks.answer.decoding import decode, windows_of
from bertwright.tasks.answer.encoding import AnswerFeatures, encode_questions
from bertwright.tasks.answer.questions import Question
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tokenization import Tokenizer, Vocabulary

WORDS = ["the", "film", "was", "great", "and", "dull", "who"]
TOKENIZER = Tokenizer(Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
CONTEXT = "the film was  great and dull"
FIRST = 3
"""Position of the passage behind ``[CLS] who [SEP]``."""


def windows(context: str = CONTEXT, **values: int) -> list[AnswerFeatures]:
    settings = AnswerSettings(**values)
    return encode_questions([Question("who", context, "x")], TOKENIZER, 10, settings)


def scores(row: AnswerFeatures, **places: float) -> np.ndarray:
    """Logits of -10, but for ``s0`` (start at word 0 of the row's passage), ``e2``, and ``null``."""
    logits = np.full((len(row), 2), -10, np.float32)
    for key, value in places.items():
        if key == "null":
            logits[0] = value / 2
        else:
            logits[row.passage_start + int(key[1:]), "se".index(key[0])] = value
    return logits


def test_by_hand() -> None:
    (row,) = windows()
    (answer,) = decode([scores(row, s1=3, e3=2, s3=1, e1=1)], [row], AnswerSettings(), None)
    assert (answer.answer, answer.offsets) == ("film was  great", (4, 19)), "as it is written, both blanks"
    assert answer.null_odds is None and not answer.truncated and answer.id == "x"
    ranked = [one.text for one in answer.candidates[:3]]
    assert ranked == ["film was  great", "film", "great"], "5, 4, 3; from great back to film is no span"
    total = sum(np.exp(one.score) for one in answer.candidates)
    assert answer.probability == pytest.approx(np.exp(5) / total)


def test_lengths_and_counts() -> None:
    (row,) = windows()
    logits = scores(row, s0=3, e5=3, e1=1)
    (whole,) = decode([logits], [row], AnswerSettings(), None)
    (short,) = decode([logits], [row], AnswerSettings(max_answer_length=5), None)
    (few,) = decode([logits], [row], AnswerSettings(n_best=1), None)
    assert (whole.answer, short.answer, few.answer) == (CONTEXT, "the film", CONTEXT)
    assert len(few.candidates) == 1 and few.probability == 1


def test_ties_keep_the_order_of_the_original() -> None:
    (row,) = windows()
    (answer,) = decode([np.zeros((len(row), 2), np.float32)], [row], AnswerSettings(n_best=6), None)
    assert [one.text for one in answer.candidates][:2] == ["the", "the film"]


def test_no_answer() -> None:
    (row,) = windows()
    logits = scores(row, s1=2, e1=1, null=5)
    for threshold, text in ((1.9, ""), (2.0, "film")):
        (answer,) = decode([logits], [row], AnswerSettings(), threshold)
        assert (answer.answer, answer.null_odds) == (text, pytest.approx(5 - 3))
        assert answer.offsets == ((4, 8) if text else None)
        assert answer.candidates[0].text == "" and answer.best is not None and answer.best.text == "film"
    result = answer.to_dict()
    assert list(result) == [
        "id",
        "answer",
        "offsets",
        "probability",
        "probabilities",
        "null_odds",
        "truncated",
    ]
    assert result["offsets"] == [4, 8]
    assert result["probabilities"]["film"] == result["probability"] < result["probabilities"][""]


def test_the_null_score_is_the_lowest_of_the_windows() -> None:
    rows = windows("the film was great and dull the film was", doc_stride=3)
    assert len(rows) == 2
    logits = [scores(rows[0], s1=1, e1=1, null=6), scores(rows[1], null=-4)]
    (answer,) = decode(logits, rows, AnswerSettings(), 0.0)
    assert answer.null_odds == pytest.approx(-4 - 2) and answer.answer == "film"


def test_only_the_null_answer_is_left() -> None:
    """The original fails here; the odds are those of the best span all the same."""
    (row,) = windows()
    logits = scores(row, s1=1, e1=1, null=9)
    (answer,) = decode([logits], [row], AnswerSettings(n_best=1), 0.0)
    assert (answer.answer, answer.probability) == ("", pytest.approx(1 / (1 + np.exp(-7))))
    # the one best start and end are those of [CLS]: no span at all, so that all are looked at
    assert answer.null_odds == pytest.approx(9 - 2) and answer.best is not None
    (forced,) = decode([logits], [row], AnswerSettings(n_best=1), 99.0)
    assert forced.answer == "film" and forced.probability == pytest.approx(1 / (1 + np.exp(7)))
    assert forced.candidates == answer.candidates and [one.text for one in forced.candidates] == ["", "film"]
    logits = scores(row, s1=5, e1=5, null=9)
    logits[row.passage_start + 1, 0] = logits[0, 0] + 1  # among the best starts, and behind [CLS] in all
    (beaten,) = decode([logits], [row], AnswerSettings(n_best=1), 99.0)
    assert beaten.answer == "film" and 0 < beaten.probability < 1


def test_passage_without_pieces() -> None:
    (row,) = windows("\u200b")
    for threshold in (None, 0.0):
        (answer,) = decode([np.zeros((len(row), 2), np.float32)], [row], AnswerSettings(), threshold)
        assert (answer.answer, answer.offsets, answer.null_odds, answer.best) == ("", None, None, None)
        assert answer.to_dict()["probabilities"] == {"": 1.0 if threshold == 0.0 else 0.0}


def test_windows_of() -> None:
    rows = encode_questions(
        [Question("who", "the " * count) for count in (3, 12, 6, 9)],
        TOKENIZER,
        10,
        AnswerSettings(doc_stride=3),
    )
    assert list(windows_of(rows)) == [range(1), range(1, 4), range(4, 5), range(5, 7)]
    assert list(windows_of([])) == []
    assert len(list(windows_of([*rows[1:4], *rows[1:4]]))) == 2, "the same question drawn twice"


LOGITS = arrays(np.float32, (20, 2), elements=st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0]))


@given(LOGITS, LOGITS, st.integers(1, 5), st.integers(1, 6), st.sampled_from([None, -1.0, 0.0, 2.5]))
def test_answers_are_spans_of_the_passage(
    one: np.ndarray, other: np.ndarray, n_best: int, longest: int, threshold: float | None
) -> None:
    context = "the film was great and dull the film was"
    rows = windows(context, doc_stride=3)
    settings = AnswerSettings(n_best=n_best, max_answer_length=longest)
    logits = [part[: len(row)] for part, row in zip((one, other), rows, strict=True)]
    (answer,) = decode(logits, rows, settings, threshold)
    assert answer.best is not None
    assert len(answer.candidates) <= n_best + 1
    assert sum(candidate.probability for candidate in answer.candidates) == pytest.approx(1)
    texts = [candidate.text for candidate in answer.candidates]
    assert len(set(texts)) == len(texts)
    for candidate in answer.candidates:
        if candidate.offsets is not None:
            assert context[slice(*candidate.offsets)] == candidate.text
            assert 1 <= len(candidate.text.split()) <= longest
    if threshold is None:
        assert answer.answer == answer.best.text
    else:
        assert answer.null_odds is not None
        assert (answer.answer == "") == (answer.null_odds > threshold)
