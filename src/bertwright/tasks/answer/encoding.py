"""Questions as rows for the model: ``[CLS] question [SEP] window of the passage [SEP]``.

As ``convert_examples_to_features`` and ``_improve_answer_span`` of the original's ``run_squad.py``.
Axes: S positions, L pieces of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.answer.passage import Passage, PassageReader
from bertwright.tasks.answer.questions import Question
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tasks.answer.windows import max_context, windows_over
from bertwright.tasks.batches import Features
from bertwright.tokenization.tokenizer import Tokenizer

OUTSIDE = (0, 0)
"""Start and end of the answer in a window that has none: at [CLS]."""
SPECIAL = 3
"""[CLS] and two [SEP]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFeatures(Features):
    """One window of a question's passage; its ``target`` is (start, end), positions in the row."""

    question: Question
    passage: Passage
    first_piece: int
    """Piece of the passage that the window begins with."""
    passage_start: int
    """Position of that piece in the row."""
    is_max_context: NDArray[np.bool_]
    """(L,): whether no other window shows a piece better"""

    @property
    def passage_length(self) -> int:
        """L."""
        return len(self.is_max_context)

    def piece(self, position: int) -> int:
        """The piece of the passage at a position of the row."""
        return position - self.passage_start + self.first_piece


def query_limit(max_length: int, settings: AnswerSettings) -> int:
    """The longest question in pieces; half of a short row stays for the passage."""
    return min(settings.max_query_length, (max_length - SPECIAL) // 2)


def encode_questions(
    questions: Sequence[Question], tokenizer: Tokenizer, max_length: int, settings: AnswerSettings
) -> list[AnswerFeatures]:
    """The windows of every question, in order."""
    asked = tokenizer.encode_ids([question.question for question in questions])
    trained = [question.trained for question in questions]
    answers = tokenizer.encode_ids([answer.text if answer else "" for answer in trained])
    limit, reader = query_limit(max_length, settings), PassageReader(tokenizer)
    features: list[AnswerFeatures] = []
    for index, question in enumerate(questions):
        passage = reader.read(question.context)
        span = answer_pieces(question, passage, answers[index])
        query = asked[index].astype(np.int32)
        row = _Row(index, question, passage, query[:limit], len(query) > limit, span)
        features += _windows(row, tokenizer, max_length, settings.doc_stride)
    return features


def answer_pieces(question: Question, passage: Passage, answer_ids: NDArray[Any]) -> tuple[int, int] | None:
    """First and last piece of the answer to learn; None without one.

    These are the pieces of the words that the answer touches, narrowed down to the pieces of the answer
    itself where they are found there: "1895" is only a part of the word "(1895-1943).".
    """
    answer = question.trained
    if answer is None or answer.start is None or not len(passage):
        return None
    first_word = passage.word_at(answer.start)
    last_word = passage.word_at(answer.start + len(answer.text) - 1)
    first, last = int(passage.first_pieces[first_word]), int(passage.first_pieces[last_word + 1]) - 1
    if last < first:
        return None  # the words of the answer are of control characters only
    return improve_span(passage.ids.tolist(), first, last, answer_ids.tolist())


def improve_span(pieces: Sequence[Any], first: int, last: int, answer: Sequence[Any]) -> tuple[int, int]:
    """Where ``answer`` first stands in ``pieces[first : last + 1]``; otherwise all of that, unchanged."""
    length, wanted = len(answer), list(answer)
    for start in range(first, last + 2 - length if length else first):
        if pieces[start] == wanted[0] and list(pieces[start : start + length]) == wanted:
            return start, start + length - 1
    return first, last


@dataclass(frozen=True, slots=True)
class _Row:
    index: int
    question: Question
    passage: Passage
    query: NDArray[np.int32]
    is_cut: bool
    span: tuple[int, int] | None


def _windows(row: _Row, tokenizer: Tokenizer, max_length: int, stride: int) -> list[AnswerFeatures]:
    vocabulary = tokenizer.vocabulary
    head = np.concatenate(([vocabulary.cls_id], row.query, [vocabulary.sep_id])).astype(np.int32)
    tail = np.array([vocabulary.sep_id], dtype=np.int32)
    windows = windows_over(len(row.passage), max_length - len(row.query) - SPECIAL, stride)
    features: list[AnswerFeatures] = []
    for window, best in zip(windows, max_context(windows), strict=True):
        ids = np.concatenate((head, row.passage.ids[window.start : window.end], tail))
        types = np.ones(len(ids), dtype=np.int8)
        types[: len(head)] = 0
        features.append(
            AnswerFeatures(
                ids,
                types,
                row.is_cut,
                row.index,
                _target(row, window.start, window.end, len(head)),
                question=row.question,
                passage=row.passage,
                first_piece=window.start,
                passage_start=len(head),
                is_max_context=best,
            )
        )
    return features


def _target(row: _Row, start: int, end: int, offset: int) -> NDArray[np.int64] | None:
    """(2,) start and end of the answer in the window of the pieces ``start`` to ``end``."""
    if row.span is None and not row.question.is_impossible:
        return None
    first, last = row.span or (-1, -1)
    inside = start <= first and last < end
    return np.array((first - start + offset, last - start + offset) if inside else OUTSIDE, dtype=np.int64)
