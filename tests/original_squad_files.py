"""What ``run_squad.py`` writes, by its own rules: for comparison with its files, not for answering.

The texts are restored by :mod:`original_squad_text`. A question without a valid span gets the text ``empty``;
where of the kept candidates only the null answer is left, the original fails, and here the best span is
taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from original_squad_text import original_text

from bertwright.tasks.answer.decoding import Candidate, candidates, windows_of
from bertwright.tasks.answer.encoding import AnswerFeatures
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tasks.answer.spans import Span, null_span, rank_spans
from bertwright.tokenization.tokenizer import Tokenizer

NONCE = Candidate("empty", None, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class OriginalFiles:
    """``predictions.json``, ``nbest_predictions.json`` and ``null_odds.json``, by question id."""

    predictions: dict[str, str]
    nbest: dict[str, list[Candidate]]
    null_odds: dict[str, float]


def original_files(
    outputs: Sequence[NDArray[Any]],
    features: Sequence[AnswerFeatures],
    tokenizer: Tokenizer,
    settings: AnswerSettings,
    threshold: float | None,
) -> OriginalFiles:
    """The answers to all questions, each of which has an id; arguments as :func:`decoding.decode`."""
    files = OriginalFiles({}, {}, {})
    for indices in windows_of(features):
        rows, logits = [features[i] for i in indices], [outputs[i] for i in indices]

        def text_of(span: Span, rows: list[AnswerFeatures] = rows) -> tuple[str, None]:
            return original_text(span, rows[span.window], tokenizer), None

        identity = rows[0].question.id or ""
        spans = rank_spans(logits, rows, settings, settings.n_best)
        null = None if threshold is None else null_span(logits)
        kept = candidates(spans, null, text_of, settings.n_best) or [NONCE]
        files.nbest[identity] = kept
        if null is None or threshold is None:
            files.predictions[identity] = kept[0].text
            continue
        best = next((one for one in kept if one.text), None)
        if best is None and len(spans):
            span = next(iter(spans))
            best = Candidate(text_of(span)[0], None, span.start_logit, span.end_logit)
        odds = null.score - (0.0 if best is None else best.score)
        files.null_odds[identity] = odds
        files.predictions[identity] = "" if best is None or odds > threshold else best.text
    return files
