"""The words of a file whose vectors are nearest to a word in its context, layer by layer.

Every word of the file is compared in its own context; of words that are spelled alike the nearest counts.

Axes: S positions, H hidden size, L layers, n words that are asked about, W words of a row, T spellings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bertwright.features.words import spelled
from bertwright.looking.passing import Passing
from bertwright.looking.words import Floats, MeanSimilarity, mean_of_words, unit

_ROOM = 1024
_AROUND = 48
"""Characters on either side that are shown."""


@dataclass(frozen=True)
class Neighbour:
    """A word of a file."""

    word: str
    """Its pieces put together."""
    similarity: float
    """Cosine."""
    row: int
    """Of the file, from 0."""
    span: tuple[int, int]
    """In characters of the row's text (of its second text where ``second``)."""
    second: bool
    before: str = ""
    """The text in front of it, as far as it is shown."""
    after: str = ""

    def in_context(self, texts: tuple[str, ...]) -> Neighbour:
        """The same with what stands around it.

        Args:
            texts: the text, or the two of the pair, that the row holds.
        """
        text, (start, stop) = texts[int(self.second)], self.span
        before, after = text[max(0, start - _AROUND) : start], text[stop : stop + _AROUND]
        before = ("…" if start > _AROUND else "") + before
        return replace(self, before=before, after=after + ("…" if stop + _AROUND < len(text) else ""))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        shown = {"before": self.before, "after": self.after}
        return {"word": self.word, "similarity": self.similarity, "row": self.row, **shown}


class NeighbourWatcher:
    """Compares every word of the texts that pass with those that are asked about.

    Args:
        vectors: (n, L + 1, H) of the words that are asked about.
    """

    def __init__(self, vectors: NDArray[np.floating]) -> None:
        self._asked = unit(vectors)
        count, layers, width = vectors.shape
        self._mean = MeanSimilarity(layers, width)
        self._numbers: dict[str, int] = {}
        self._best = np.full((count, layers, _ROOM), -np.inf)
        # Of the nearest of each spelling: row, start and stop, whether in the second text.
        self._where = np.zeros((count, layers, _ROOM, 4), np.int64)
        self._types, self._places = np.zeros(0, np.int64), np.zeros((0, 4), np.int64)  # of the batch's words
        self._spans: list[list[tuple[int, int]]] = []  # of the words, row by row

    def begin(self, batch: Passing) -> None:
        """Note the words of a batch."""
        types, places = [], []
        self._spans = [row.whole_words for row in batch.rows]
        for row, words, number in zip(batch.rows, self._spans, batch.numbers, strict=True):
            for start, stop in words:
                types.append(self._numbers.setdefault(spelled(row.tokens[start:stop]), len(self._numbers)))
                spans = [span for span in row.offsets[start:stop] if span is not None]
                places.append((number, spans[0][0], spans[-1][1], int(row.token_type_ids[start] > 0)))
        self._types, self._places = np.array(types, np.int64), np.array(places, np.int64).reshape(-1, 4)
        while len(self._numbers) > self._best.shape[2]:
            self._best = np.concatenate([self._best, np.full_like(self._best, -np.inf)], axis=2)
            self._where = np.concatenate([self._where, np.zeros_like(self._where)], axis=2)

    def layer(self, number: int, probabilities: Tensor | None, hidden: Tensor) -> None:
        """Compare what a layer makes of the batch's words."""
        if not len(self._types):
            return
        states = hidden.double().cpu().numpy()  # (B, S, H)
        rows = zip(states, self._spans, strict=True)
        units = unit(np.concatenate([mean_of_words(state, words) for state, words in rows]))  # (W, H)
        self._mean.add(number, units)
        for asked, similarity in enumerate(self._asked[:, number] @ units.T):
            self._keep(asked, number, similarity)

    def any_two(self) -> Floats:
        """(L + 1,): the mean cosine of two words of the texts; NaN of fewer than two."""
        return self._mean.values()

    def nearest(self, count: int) -> tuple[tuple[tuple[Neighbour, ...], ...], ...]:
        """For each word that is asked about, for each of L + 1 layers, the ``count`` nearest spellings."""
        words = list(self._numbers)
        best, where = self._best[..., : len(words)], self._where
        order = np.argsort(-best, axis=-1, kind="stable")[..., :count]  # (n, L + 1, count)

        def neighbour(asked: int, layer: int, type_: int) -> Neighbour:
            row, start, stop, second = where[asked, layer, type_].tolist()
            return Neighbour(words[type_], float(best[asked, layer, type_]), row, (start, stop), second == 1)

        return tuple(
            tuple(
                tuple(neighbour(asked, layer, type_) for type_ in types) for layer, types in enumerate(layers)
            )
            for asked, layers in enumerate(order.tolist())
        )

    def _keep(self, asked: int, layer: int, similarity: Floats) -> None:
        """Where a spelling has come nearer, remember how near and where."""
        best, where = self._best[asked, layer], self._where[asked, layer]
        nearer = np.flatnonzero(similarity > best[self._types])
        order = nearer[np.argsort(-similarity[nearer], kind="stable")][::-1]  # of equals the first comes last
        best[self._types[order]] = similarity[order]  # of several assignments to a place the last one stays
        where[self._types[order]] = self._places[order]
