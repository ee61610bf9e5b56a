"""Scores of tokens to answers: the one place that evaluation, prediction and serving share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.answer.encoding import AnswerFeatures
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tasks.answer.spans import Span, Spans, null_span, rank_spans

Array = NDArray[Any]
TextOf = Callable[[Span], tuple[str, tuple[int, int] | None]]
"""The text of a span, and its place in the passage."""
SHOWN = 5
"""So many candidates have their probability in a prediction's JSON."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that was considered; the empty text says that there is none."""

    text: str
    offsets: tuple[int, int] | None
    """``context[start:end]`` is the text; None for no answer."""
    start_logit: float
    end_logit: float
    probability: float = 0.0
    """Softmax of the sums of logits, over the candidates of the question."""

    @property
    def score(self) -> float:
        """Sum of the logits."""
        return self.start_logit + self.end_logit


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question."""

    id: str | None
    answer: str
    """Empty when the passage has none."""
    offsets: tuple[int, int] | None
    """``context[start:end]`` is the answer, in characters."""
    probability: float
    null_odds: float | None
    """Score of no answer less that of the best one; above the model's threshold there is no answer. None when
    the model always answers."""
    candidates: tuple[Candidate, ...]
    """The best answers with different texts, the best first."""
    best: Candidate | None
    """The best one that is an answer; None when the passage has no pieces."""
    truncated: bool
    """Whether the model did not see the whole question; of the passage it always sees all."""

    def to_dict(self, *, nbest: bool = False) -> dict[str, Any]:
        """As written by ``predict``; with ``nbest`` all candidates."""
        probabilities = {self.answer: self.probability}
        probabilities |= {one.text: one.probability for one in self.candidates[:SHOWN]}
        result: dict[str, Any] = {} if self.id is None else {"id": self.id}
        result |= {
            "answer": self.answer,
            "offsets": None if self.offsets is None else list(self.offsets),
            "probability": self.probability,
            "probabilities": probabilities,
        }
        if self.null_odds is not None:
            result["null_odds"] = self.null_odds
        if nbest:
            result["nbest"] = [
                {
                    "text": one.text,
                    "offsets": None if one.offsets is None else list(one.offsets),
                    "probability": one.probability,
                    "start_logit": one.start_logit,
                    "end_logit": one.end_logit,
                }
                for one in self.candidates
            ]
        return result | {"truncated": self.truncated}


def decode(
    outputs: Sequence[Array],
    features: Sequence[AnswerFeatures],
    settings: AnswerSettings,
    threshold: float | None,
) -> list[Answer]:
    """The answer to every question, cut from its passage.

    Args:
        outputs: (S, 2) logits of start and end for each of ``features``.
        features: the windows of all questions, in order.
        threshold: of the odds of no answer; None when every question is to be answered.

    A question without any span among the best starts and ends gets the best span of all.
    """
    return [
        _answer([outputs[i] for i in rows], [features[i] for i in rows], settings, threshold)
        for rows in windows_of(features)
    ]


def best_spans(
    outputs: Sequence[Array], features: Sequence[AnswerFeatures], settings: AnswerSettings
) -> list[tuple[Span, AnswerFeatures]]:
    """The best span of every question that has one, no answer left aside, and its window."""
    found: list[tuple[Span, AnswerFeatures]] = []
    for indices in windows_of(features):
        rows = [features[index] for index in indices]
        for span in _spans([outputs[index] for index in indices], rows, settings):
            found.append((span, rows[span.window]))
            break
    return found


def windows_of(features: Sequence[AnswerFeatures]) -> Iterator[range]:
    """For each question, the indices of its windows, the first of which has the start of the passage."""
    first = 0
    for index in range(1, len(features) + 1):
        if index == len(features) or features[index].first_piece == 0:
            yield range(first, index)
            first = index


def _answer(
    outputs: list[Array], rows: list[AnswerFeatures], settings: AnswerSettings, threshold: float | None
) -> Answer:
    spans = _spans(outputs, rows, settings)
    null = None if threshold is None else null_span(outputs)
    text_of = text_by_place(rows)
    kept = candidates(spans, null, text_of, settings.n_best)
    best = next((one for one in kept if one.text), None)
    if best is None and len(spans):  # of the kept ones only the null answer is left
        span = next(iter(spans))
        kept = _with_probabilities([*kept, Candidate(*text_of(span), span.start_logit, span.end_logit)])
        best = kept[-1]
    odds = None if null is None or best is None else null.score - best.score
    refused = odds is not None and threshold is not None and odds > threshold
    chosen = None if refused else best
    text, offsets = ("", None) if chosen is None else (chosen.text, chosen.offsets)
    return Answer(
        id=rows[0].question.id,
        answer=text,
        offsets=offsets,
        probability=next((one.probability for one in kept if one.text == text), 0.0),
        null_odds=odds,
        candidates=tuple(kept),
        best=best,
        truncated=rows[0].truncated,
    )


def _spans(outputs: list[Array], rows: list[AnswerFeatures], settings: AnswerSettings) -> Spans:
    """The best spans; of all starts and ends where the best ones do not go together."""
    spans = rank_spans(outputs, rows, settings, settings.n_best)
    return spans if len(spans) else rank_spans(outputs, rows, settings, max(map(len, outputs)))


def text_by_place(rows: Sequence[AnswerFeatures]) -> TextOf:
    """Cuts the text of a span from the passage by the places of its pieces."""

    def text_of(span: Span) -> tuple[str, tuple[int, int] | None]:
        row = rows[span.window]
        start, end = row.passage.span(row.piece(span.start), row.piece(span.end))
        return row.passage.text[start:end], (start, end)

    return text_of


def candidates(spans: Spans, null: Span | None, text_of: TextOf, n_best: int) -> list[Candidate]:
    """The best ``n_best`` answers with different texts, and their probabilities.

    No answer, where there may be none (``null``), stands in its place among them, or at their end.
    """
    kept: list[Candidate] = []
    seen: set[str] = set()
    for span in _with_null(spans, null):
        if len(kept) >= n_best:
            break
        text, offsets = ("", None) if span is null else text_of(span)
        if text not in seen:
            seen.add(text)
            kept.append(Candidate(text, offsets, span.start_logit, span.end_logit))
    if null is not None and "" not in seen:
        kept.append(Candidate("", None, null.start_logit, null.end_logit))
    return _with_probabilities(kept)


def _with_null(spans: Spans, null: Span | None) -> Iterable[Span]:
    """The spans in order, and the null answer among them, behind those with the same score."""
    waiting = null
    for span in spans:
        if waiting is not None and span.score < waiting.score:
            yield waiting
            waiting = None
        yield span
    if waiting is not None:
        yield waiting


def _with_probabilities(kept: list[Candidate]) -> list[Candidate]:
    if not kept:
        return []
    scores = np.array([one.score for one in kept])
    weights = np.exp(scores - scores.max())
    shares = (weights / weights.sum()).tolist()
    return [
        Candidate(one.text, one.offsets, one.start_logit, one.end_logit, share)
        for one, share in zip(kept, shares, strict=True)
    ]
