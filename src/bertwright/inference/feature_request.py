"""Which vectors are wanted of a row, and how they are made of the hidden states.

Axes: S positions of a row, n chosen layers, H hidden size, V vectors of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from bertwright.errors import UsageError, quote
from bertwright.features.layers import Selection
from bertwright.features.piece_rows import PieceRow
from bertwright.features.pooling import PoolingName, pooling
from bertwright.features.words import WordPooling, check_word_pooling, pool_words, spelled

Combining = Literal["none", "concat", "sum", "mean"]
Alignment = Literal["pieces", "words"]
RowPooling = Literal["none"] | PoolingName
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureRequest:
    """A vector for every piece, for every word, or for every row."""

    selection: Selection
    pooling: RowPooling = "none"
    """One vector a row, over all of its pieces, ``[CLS]`` and ``[SEP]`` included."""
    align: Alignment = "pieces"
    word_pooling: WordPooling = "first"
    combine: Combining = "none"
    """How the layers become one vector; with ``none`` they stay apart."""

    def check(self) -> None:
        """Refuse values that are none, and those that contradict each other.

        Raises:
            UsageError: naming the argument.
        """
        for name, value, valid in (
            ("align", self.align, get_args(Alignment)),
            ("combine", self.combine, get_args(Combining)),
        ):
            if value not in valid:
                raise UsageError(f"{name}: expected one of {', '.join(valid)}, got {quote(value)}")
        check_word_pooling(self.word_pooling)
        if self.pooling != "none":
            pooling(self.pooling)
            if self.align == "words":
                raise UsageError("pooling and align: one vector a row has no words (leave one of them out)")

    def shape(self, hidden_size: int) -> tuple[int, ...]:
        """Of one vector: (D,), or (n, H) when several layers stay apart."""
        count = len(self.selection.layers)
        if self.combine == "concat":
            return (count * hidden_size,)
        return (count, hidden_size) if self.combine == "none" and count > 1 else (hidden_size,)

    def vectors(self, states: Vectors, row: PieceRow) -> Vectors:
        """(S, n, H) of a row -> (V, D) or (V, n, H)."""
        if self.pooling != "none":
            flat = torch.from_numpy(states.reshape(1, len(states), -1))
            pooled = pooling(self.pooling)(flat, None).numpy()
            return self._combined(pooled.reshape(1, *states.shape[1:]))
        if self.align == "words":
            return self._combined(pool_words(states, row.words, self.word_pooling))
        return self._combined(states)

    def _combined(self, vectors: Vectors) -> Vectors:
        if self.combine == "sum":
            return np.asarray(vectors.sum(axis=1))
        if self.combine == "mean":
            return np.asarray(vectors.mean(axis=1))
        return vectors.reshape(len(vectors), *self.shape(vectors.shape[2]))

    def index(self, row: PieceRow) -> dict[str, Any]:
        """What the vectors of ``row`` stand for, as JSON: one entry a vector in each list."""
        if self.pooling != "none":
            return {"truncated": row.truncated}
        if self.align == "words":
            words = row.words
            return {
                "tokens": [spelled(row.tokens[start:stop]) for start, stop in words],
                "offsets": [_span(row.offsets[start:stop]) for start, stop in words],
                "segments": [row.token_type_ids[start] for start, _ in words],
                "truncated": row.truncated,
            }
        offsets = [None if span is None else list(span) for span in row.offsets]
        return {
            "tokens": row.tokens,
            "offsets": offsets,
            "segments": row.token_type_ids,
            "truncated": row.truncated,
        }


def _span(offsets: list[tuple[int, int] | None]) -> list[int]:
    known = [span for span in offsets if span is not None]
    return [min(start for start, _ in known), max(stop for _, stop in known)]
