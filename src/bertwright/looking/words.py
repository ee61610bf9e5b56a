"""What each layer makes of a word: one vector a layer for every place where it stands.

The vector of a word is the mean of its pieces' hidden states. The closer the vectors of a word in two
sentences, the less their contexts matter to that layer (Ethayarajh 2019, "How contextual are contextualized
word representations?"). Vectors of any two words are close too, more so in some layers than in others: what
two words have in the mean is the measure of closeness, and is given beside it.

Axes: S positions, H hidden size, L layers, n occurrences, W words of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.features.piece_rows import PieceRow
from bertwright.looking.maps import TextMaps

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Occurrence:
    """One place of a word."""

    word: str
    """As it was asked for."""
    text: int
    """Number of the text, from 0."""
    start: int
    """First piece and, below, the one behind the last, as ``row.tokens`` counts."""
    stop: int


@dataclass(frozen=True)
class WordLayers:
    """A word, or several, in its contexts, layer by layer."""

    occurrences: tuple[Occurrence, ...]
    vectors: NDArray[np.float32]
    """(n, L + 1, H) float32: of the embeddings, then of each layer."""
    similarity: Floats
    """(L + 1, n, n): cosines between the occurrences."""
    to_embedding: Floats
    """(n, L + 1): cosines of each to its own embedding: how far the layers have moved it."""
    any_two: Floats
    """(L + 1,): mean cosine of two words of the texts (of the file where there is one), whatever they are;
    NaN of a single word."""

    def to_dict(self, rows: Sequence[PieceRow]) -> dict[str, Any]:
        """As JSON values, without the vectors.

        Args:
            rows: of the texts.
        """
        told = [
            {
                "word": found.word,
                "text": found.text,
                "tokens": rows[found.text].tokens[found.start : found.stop],
                "positions": [found.start, found.stop],
            }
            for found in self.occurrences
        ]
        return {
            "occurrences": told,
            "similarity": self.similarity.tolist(),
            "to_embedding": self.to_embedding.tolist(),
            "any_two": [None if np.isnan(value) else value for value in self.any_two.tolist()],
        }


def find_word(row: PieceRow, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Where the pieces ``ids`` stand one after the other in ``row`` as whole words: (first, behind last)."""
    words = row.whole_words
    starts, stops = {start for start, _ in words}, {stop for _, stop in words}
    size, wanted = len(ids), list(ids)
    return [
        (start, start + size)
        for start in range(1, len(row) - size + 1)
        if start in starts and start + size in stops and row.input_ids[start : start + size] == wanted
    ]


def word_layers(
    maps: Sequence[TextMaps], occurrences: Sequence[Occurrence], any_two: Floats | None = None
) -> WordLayers:
    """What the layers make of ``occurrences``, of which there is at least one.

    Args:
        maps: of all texts.
        any_two: (L + 1,) measured elsewhere; else it is measured on the words of ``maps``.
    """
    states = [maps[found.text].hidden_states[:, found.start : found.stop] for found in occurrences]
    vectors = np.stack([state.mean(axis=1, dtype=np.float64) for state in states])  # (n, L + 1, H)
    units = unit(vectors)
    layers = units.swapaxes(0, 1)  # (L + 1, n, H)
    if any_two is None:
        mean = MeanSimilarity(vectors.shape[1], vectors.shape[2])
        for found in maps:
            pooled = mean_of_words(found.hidden_states.astype(np.float64), found.row.whole_words)
            for layer, words in enumerate(pooled):
                mean.add(layer, unit(words))
        any_two = mean.values()
    return WordLayers(
        tuple(occurrences),
        vectors.astype(np.float32),
        layers @ layers.swapaxes(1, 2),
        (units * units[:, :1]).sum(-1),
        any_two,
    )


class MeanSimilarity:
    """The mean cosine of two different words among all that were added, layer by layer."""

    def __init__(self, layers: int, width: int) -> None:
        self._sums = np.zeros((layers, width))
        self._counts = np.zeros(layers, np.int64)

    def add(self, layer: int, units: Floats) -> None:
        """Add the words of some text, (W, H) of length 1."""
        self._sums[layer] += units.sum(axis=0)
        self._counts[layer] += len(units)

    def values(self) -> Floats:
        """(layers,): (|sum u|^2 - n) / (n (n - 1)); NaN of fewer than two words."""
        count = self._counts.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = ((self._sums**2).sum(-1) - count) / (count * (count - 1))
        return np.where(count > 1, found, np.nan)


def mean_of_words(states: Floats, words: Sequence[tuple[int, int]]) -> Floats:
    """The mean of each word's pieces.

    Args:
        states: (..., S, H).
        words: where each of the W words begins and ends.

    Returns:
        (..., W, H).
    """
    bounds = np.array(words, np.int64).reshape(-1, 2)
    before = np.zeros((*states.shape[:-2], states.shape[-2] + 1, states.shape[-1]))
    np.cumsum(states, axis=-2, out=before[..., 1:, :])
    sums = before[..., bounds[:, 1], :] - before[..., bounds[:, 0], :]
    result: Floats = sums / (bounds[:, 1] - bounds[:, 0])[:, None]
    return result


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Scaled to length 1 over the last axis; a vector of zeros stays."""
    wide = vectors.astype(np.float64)
    result: Floats = wide / np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), 1e-300)
    return result
