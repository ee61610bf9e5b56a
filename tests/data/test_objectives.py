"""What each objective asks, and how stored runs are read by it."""

from __future__ import annotations

from typing import get_args

import pytest

from bertwright.data.objectives import (
    LEFT_TO_RIGHT,
    MASKED,
    NEXT_SENTENCE,
    OBJECTIVES,
    SENTENCE_ORDER,
    TWO_WAYS,
    WORD_FIGURES,
    WORD_OBJECTIVES,
    ObjectiveName,
    WordsName,
    measured_words,
    objective_of,
)


def test_every_name_has_its_objective() -> None:
    assert tuple(OBJECTIVES) == get_args(ObjectiveName)
    assert tuple(words.name for words in WORD_OBJECTIVES) == get_args(WordsName)
    assert OBJECTIVES["mlm+nsp"].pairs is NEXT_SENTENCE and OBJECTIVES["mlm+sop"].pairs is SENTENCE_ORDER
    assert [name for name, asked in OBJECTIVES.items() if asked.pairs is None] == ["mlm", "clm", "bilm"]


def test_figures() -> None:
    assert len(WORD_FIGURES) == 9
    assert WORD_FIGURES[:3] == ("mlm_loss", "mlm_accuracy", "mlm_perplexity")
    assert TWO_WAYS.figure("loss") == "bilm_loss"


@pytest.mark.parametrize("words", WORD_OBJECTIVES, ids=lambda words: words.name)
def test_what_was_measured(words: object) -> None:
    figures = dict.fromkeys(WORD_FIGURES)
    assert measured_words(figures) is None
    name = next(one.figure("loss") for one in WORD_OBJECTIVES if one is words)
    assert measured_words({**figures, name: 0.0}) is words
    assert measured_words({name: 1.0}, "perplexity") is None


def test_stored_settings() -> None:
    assert objective_of({"objective": "clm"}).words is LEFT_TO_RIGHT
    assert objective_of({}) is OBJECTIVES["mlm+nsp"]  # of a run before there were others
    assert objective_of({"objective": "elsewhere"}).words is MASKED
