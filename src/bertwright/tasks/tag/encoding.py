"""Sentences as rows for the model: the first piece of a word carries its tag, the others carry none.

A sentence longer than a row becomes several that overlap; each word's tag is asked for in exactly one of
them, the one where it has most context on its shorter side. Axes: S positions, K words asked for in a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.batches import Features
from bertwright.tasks.tag.sentences import Sentence
from bertwright.tokenization.tokenizer import Tokenizer

NO_TAG = -100
"""The target of a position that has none to learn."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFeatures(Features):
    """A row, which of its positions are asked for, and for which words."""

    places: Array
    """(K,) int32: positions in the row"""
    words: Array
    """(K,) int32: numbers of the words in the sentence"""

    target_padding: ClassVar[int | None] = NO_TAG


class Window(NamedTuple):
    """The words of one row: from ``first`` to before ``last``; asked for are those of ``own``."""

    first: int
    last: int
    own: tuple[int, int]


def encode_sentences(
    sentences: Sequence[Sentence],
    tokenizer: Tokenizer,
    max_length: int,
    stride: int | None,
    numbers: dict[str, int],
) -> list[TagFeatures]:
    """One row or more for each sentence, at most ``max_length`` ids long.

    Args:
        stride: pieces between the beginnings of windows; None is half a row.
        numbers: of the tags.

    A word without any piece becomes ``[UNK]``; one longer than a row loses its end.
    """
    vocabulary, room = tokenizer.vocabulary, max_length - 2
    pieces = _Pieces(sentences, tokenizer, room)
    rows: list[TagFeatures] = []
    for example, (sentence, ids, ends, cut) in enumerate(pieces.by_sentence()):
        tags = _tag_numbers(sentence, numbers)
        for window in windows_over(ends, room, stride or max(1, room // 2)):
            begin, end = int(ends[window.first]), int(ends[window.last])
            input_ids = np.empty(end - begin + 2, np.int32)
            input_ids[0], input_ids[-1] = vocabulary.cls_id, vocabulary.sep_id
            input_ids[1:-1] = ids[begin:end]
            words = np.arange(*window.own, dtype=np.int32)
            places = (ends[words] - begin + 1).astype(np.int32)
            target = None
            if tags is not None:
                target = np.full(len(input_ids), NO_TAG, np.int64)
                target[places] = tags[words]
            types = np.zeros(len(input_ids), np.int8)
            truncated = bool(cut[window.first : window.last].any())
            rows.append(TagFeatures(input_ids, types, truncated, example, target, places=places, words=words))
    return rows


def windows_over(ends: Array, room: int, stride: int) -> list[Window]:
    """Windows of whole words with at most ``room`` pieces that cover a sentence.

    Args:
        ends: (W + 1,): 0, and the number of pieces up to the end of each word; a word has at most ``room``.
        stride: a window begins at the first word that lies so many pieces behind the beginning of the one
            before, and never later than behind its last word.

    Every word is asked for in exactly one window: where its context is longest on the side where it is
    shorter; of equal windows in the first.
    """
    count = len(ends) - 1
    if ends[-1] <= room:
        return [Window(0, count, (0, count))]
    bounds: list[tuple[int, int]] = []
    first = 0
    while True:
        last = int(np.searchsorted(ends, ends[first] + room, side="right")) - 1
        bounds.append((first, last))
        if last == count:
            break
        following = int(np.searchsorted(ends, ends[first] + stride, side="left"))
        first = min(max(following, first + 1), last)
    best = np.full(count, -1)
    owner = np.zeros(count, dtype=np.int64)
    for number, (first, last) in enumerate(bounds):
        left = ends[first:last] - ends[first]
        right = ends[last] - ends[first + 1 : last + 1]
        context = np.minimum(left, right)
        better = context > best[first:last]
        best[first:last][better] = context[better]
        owner[first:last][better] = number
    edges = np.searchsorted(owner, np.arange(len(bounds) + 1)).tolist()
    return [
        Window(first, last, (edges[number], edges[number + 1]))
        for number, (first, last) in enumerate(bounds)
        if edges[number] < edges[number + 1]
    ]


class _Pieces:
    """The pieces of all words; each distinct word is tokenized once."""

    def __init__(self, sentences: Sequence[Sentence], tokenizer: Tokenizer, room: int) -> None:
        self._sentences = sentences
        number_of: dict[str, int] = {}
        for sentence in sentences:
            for word in sentence.words:
                number_of.setdefault(word, len(number_of))
        self._numbers = number_of
        flat, offsets = tokenizer.words_to_ids(list(number_of))
        counts = np.diff(offsets)
        self._cut = counts > room
        self._ids: list[Array] = np.split(flat.astype(np.int32), offsets[1:-1])
        for number in np.flatnonzero(self._cut | (counts == 0)).tolist():
            unknown = np.array([tokenizer.vocabulary.unk_id], np.int32)
            self._ids[number] = self._ids[number][:room] if counts[number] else unknown
        self._counts = np.clip(counts, 1, room)

    def by_sentence(self) -> Iterator[tuple[Sentence, Array, Array, Array]]:
        """Sentence, ids (N,), ends (W + 1,) of its words among them, and (W,) whether each word is cut."""
        for sentence in self._sentences:
            numbers = [self._numbers[word] for word in sentence.words]
            ends = np.zeros(len(numbers) + 1, np.int64)
            np.cumsum(self._counts[numbers], out=ends[1:])
            yield sentence, np.concatenate([self._ids[n] for n in numbers]), ends, self._cut[numbers]


def _tag_numbers(sentence: Sentence, numbers: dict[str, int]) -> Array | None:
    found = [numbers.get(tag or "") for tag in sentence.tags or (None,)]
    return None if None in found else np.array(found, dtype=np.int64)
