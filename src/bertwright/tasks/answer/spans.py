"""The best spans of a question's windows, in the order of the original.

As ``write_predictions`` of ``run_squad.py``: the ``n_best`` starts and ends of each window are combined;
a span must lie in the passage, begin where its window has the maximum context, and not be too long. Of equal
scores the earlier window, the better start, then the better end comes first.
Axes: S positions, K spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.answer.encoding import AnswerFeatures
from bertwright.tasks.answer.settings import AnswerSettings

Array = NDArray[Any]


class Span(NamedTuple):
    """A span of one window, by positions in its row."""

    window: int
    """Number of the window among those of the question."""
    start: int
    end: int
    """Last position, included."""
    start_logit: float
    end_logit: float

    @property
    def score(self) -> float:
        """Sum of the logits."""
        return self.start_logit + self.end_logit


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of all windows of a question, the best first."""

    windows: Array
    starts: Array
    ends: Array
    start_logits: Array
    """(K,) float64"""
    end_logits: Array
    """(K,) float64"""

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Span]:
        columns = (self.windows, self.starts, self.ends, self.start_logits, self.end_logits)
        return map(Span, *(column.tolist() for column in columns))


def rank_spans(
    outputs: Sequence[Array], features: Sequence[AnswerFeatures], settings: AnswerSettings, n_best: int
) -> Spans:
    """The spans of one question.

    Args:
        outputs: (S, 2) logits of start and end, one array a window; positions beyond the row are no passage.
        features: the windows.
        n_best: so many starts and ends of each window are combined.
    """
    parts = [
        _window_spans(number, logits, row, settings.max_answer_length, n_best)
        for number, (logits, row) in enumerate(zip(outputs, features, strict=True))
    ]
    windows, starts, ends, start_logits, end_logits = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    order = np.argsort(-(start_logits + end_logits), kind="stable")
    return Spans(windows[order], starts[order], ends[order], start_logits[order], end_logits[order])


def null_span(outputs: Sequence[Array]) -> Span:
    """The span at [CLS], which says that there is no answer, of the window that says it least."""
    spans = [
        Span(number, 0, 0, float(logits[0, 0]), float(logits[0, 1])) for number, logits in enumerate(outputs)
    ]
    return min(spans, key=lambda span: span.score)


def _window_spans(
    number: int, logits: Array, row: AnswerFeatures, longest: int, n_best: int
) -> tuple[Array, Array, Array, Array, Array]:
    starts, ends = _best(logits[:, 0], n_best), _best(logits[:, 1], n_best)
    first, length = row.passage_start, row.passage_length
    starts = starts[(starts >= first) & (starts < first + length)]
    starts = starts[row.is_max_context[starts - first]]
    ends = ends[(ends >= first) & (ends < first + length)]
    lengths = ends[None, :] - starts[:, None] + 1  # (starts, ends)
    start_ranks, end_ranks = np.nonzero((lengths >= 1) & (lengths <= longest))
    chosen_starts, chosen_ends = starts[start_ranks], ends[end_ranks]
    return (
        np.full(len(chosen_starts), number),
        chosen_starts,
        chosen_ends,
        logits[chosen_starts, 0].astype(np.float64),
        logits[chosen_ends, 1].astype(np.float64),
    )


def _best(logits: Array, count: int) -> Array:
    """Positions of the ``count`` highest, the highest first, of equal ones the earlier first."""
    return np.argsort(-logits, kind="stable")[:count]
