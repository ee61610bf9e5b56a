"""Documents of sentences -> segments of ids, a bounded amount at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bertwright.corpus import Document
from bertwright.data.counts import Counts
from bertwright.data.segmenter import Segmenter
from bertwright.data.sentences import split_sentences
from bertwright.data.shards import Offsets, Segment
from bertwright.data.token_axis import cumulated, packed
from bertwright.data.word_table import WordTable
from bertwright.errors import shown_path
from bertwright.tokenization.tokenizer import Tokenizer

MAX_SENTENCE_TOKENS = 510
"""Longer sentences are cut: with [CLS] and [SEP] they fill the 512 positions of the original."""

_BLOCK_CHARACTERS = 1 << 20  # sentences tokenized at once
_SEGMENT_TOKENS = 1 << 21  # ids held before a segment is given out


class SegmentBuilder:
    """Tokenizes documents and gathers them into segments; keeps count. ``segmenter`` finds their words."""

    def __init__(
        self,
        table: WordTable,
        tokenizer: Tokenizer,
        language: str | None,
        segmenter: Segmenter | None = None,
    ) -> None:
        self.counts = Counts()
        self._table = table
        self._unk_id = tokenizer.vocabulary.unk_id
        self._starts_word = tokenizer.vocabulary.starts_word
        self._language = language
        self._segmenter = segmenter
        self._waiting: list[str] = []
        self._waiting_characters = 0
        self._ids: list[npt.NDArray[Any]] = []
        self._begins: list[npt.NDArray[np.bool_]] = []
        self._lengths: list[npt.NDArray[np.int64]] = []
        self._tokens = 0
        self._sentences_of: list[int] = []
        self._places: list[tuple[str, int]] = []

    def segments(self, documents: Iterable[Document]) -> Iterator[Segment]:
        """Segments of about two million tokens; a document is never divided."""
        for document in documents:
            sentences = split_sentences(document.lines, self._language)
            self._take(sentences)
            self._sentences_of.append(len(sentences))
            self._places.append((document.source, document.line))
            if self._tokens >= _SEGMENT_TOKENS:
                yield from self._segment()
        yield from self._segment()

    def _take(self, sentences: list[str]) -> None:
        characters = sum(map(len, sentences))
        if characters > _BLOCK_CHARACTERS and len(sentences) > 1:  # a huge document: a sentence at a time
            for sentence in sentences:
                self._take([sentence])
            return
        self._waiting += sentences
        self._waiting_characters += characters
        if self._waiting_characters >= _BLOCK_CHARACTERS:
            self._encode()

    def _encode(self) -> None:
        if self._waiting:
            joined = "\n".join([*self._waiting, ""])
            text, count = joined.encode(), len(self._waiting)
            self.counts.bytes += len(text) - count
            if self._segmenter is None:
                ids, offsets = self._table.encode(text, count)
            else:  # no word reaches across a line feed
                found = self._segmenter.ideograph_starts(joined)
                ids, offsets, begins = self._table.encode_with_words(text, count, found)
                self._begins.append(begins)
            self._ids.append(ids)
            self._lengths.append(np.diff(offsets))
            self._tokens += len(ids)
            self._waiting, self._waiting_characters = [], 0

    def _segment(self) -> Iterator[Segment]:
        """What was gathered so far, as one segment if it holds any token."""
        self._encode()
        if self._tokens:
            ids = np.concatenate(self._ids)
            lengths = np.concatenate(self._lengths)
            pieces = -(-lengths // MAX_SENTENCE_TOKENS)  # 0 of an empty sentence: it vanishes
            sentences = _sums(pieces, self._sentences_of)
            present = np.flatnonzero(sentences)
            words = np.concatenate(self._begins) if self._segmenter else None
            begins = self._starts_word[ids] if words is None else words
            segment = Segment(
                ids,
                _sentence_offsets(begins, lengths, pieces),
                cumulated(sentences[present].tolist()),
                None if words is None else packed(words),
            )
            self._count(segment, [self._places[number] for number in present.tolist()])
            self.counts.cut_sentences += int((pieces > 1).sum())
            yield segment
        self._ids, self._lengths, self._sentences_of, self._places, self._tokens = [], [], [], [], 0
        self._begins = []

    def _count(self, segment: Segment, places: list[tuple[str, int]]) -> None:
        counts, offsets = self.counts, segment.document_offsets
        starts = segment.sentence_offsets[offsets[:-1]]
        unknown = np.add.reduceat((segment.ids == self._unk_id).astype(np.int64), starts)
        all_unknown = np.flatnonzero(unknown == np.diff(segment.sentence_offsets[offsets]))
        counts.documents += len(places)
        counts.sentences += int(offsets[-1])
        counts.tokens += len(segment.ids)
        counts.unknown_tokens += int(unknown.sum())
        counts.single_sentence_documents += int((np.diff(offsets) == 1).sum())
        counts.unknown_documents += len(all_unknown)
        shown = [
            f"{shown_path(places[number][0])}:{places[number][1]}" for number in all_unknown[:3].tolist()
        ]
        counts.unknown_at = (counts.unknown_at + shown)[:3]


def _sentence_offsets(
    begins: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64], pieces: npt.NDArray[np.int64]
) -> Offsets:
    """Where the sentences begin, and the last one ends.

    Args:
        begins: whether a word begins, of each token.
        lengths: of the sentences, in tokens.
        pieces: into how many parts each is cut.
    """
    ends = np.cumsum(lengths)
    bounds = ends[lengths > 0]
    cuts = [
        _cuts(begins, int(ends[number] - lengths[number]), int(ends[number]), int(pieces[number]))
        for number in np.flatnonzero(pieces > 1)
    ]
    return np.sort(np.concatenate([np.zeros(1, dtype=np.int64), bounds, *cuts]))


def _cuts(begins: npt.NDArray[np.bool_], start: int, stop: int, pieces: int) -> npt.NDArray[np.int64]:
    """Where a long sentence is cut: into equal parts, but before a word where one begins near enough."""
    cuts = []
    for left in range(pieces - 1, 0, -1):
        # What follows must fit into the parts that are left; what precedes, into one.
        earliest = max(start + 1, stop - left * MAX_SENTENCE_TOKENS)
        latest = min(start + MAX_SENTENCE_TOKENS, stop - left)
        wished = min(max(start + -(-(stop - start) // (left + 1)), earliest), latest)
        words = np.flatnonzero(begins[earliest : latest + 1]) + earliest
        if len(words):
            wished = int(words[np.abs(words - wished).argmin()])
        cuts.append(wished)
        start = wished
    return np.array(cuts, dtype=np.int64)


def _sums(values: npt.NDArray[np.int64], lengths: list[int]) -> npt.NDArray[np.int64]:
    """Sums of runs of ``values`` of these lengths, each at least 1."""
    return np.add.reduceat(values, cumulated(lengths)[:-1])
